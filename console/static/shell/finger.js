// Nothing moves under a finger: what shifts the page waits until the pointer is up, or a press would land beside what
// it was meant for, and be lost.
const AFTER_MS = 60; // the click comes after the pointer is up, on a touch screen a little later
const waiting = new Set();
let down = false;

export const pressed = () => down;

// Do it now, or as soon as no pointer is down; the same function once, however often it is asked for.
export function whenFree(action) {
  if (down) waiting.add(action); else action();
}

function up() {
  setTimeout(() => {
    down = false;
    const actions = [...waiting];
    waiting.clear();
    actions.forEach((action) => action());
  }, AFTER_MS);
}

document.addEventListener("pointerdown", () => { down = true; }, true);
for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, up, true);
window.addEventListener("blur", up); // a pointer that leaves the window with a dialog of the browser

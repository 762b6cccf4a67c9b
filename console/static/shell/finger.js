// Nothing moves under a finger: what shifts the page waits until the pointer is up, or a press would land beside what
// it was meant for, and be lost. It waits 2 s at most: an end that the browser swallows (a menu, a drag out of the
// window) must not hold up the news.
const AFTER_MS = 60; // the click comes after the pointer is up, on a touch screen a little later
const LONGEST_MS = 2000;
const waiting = new Set();
let down = false;
let timer = 0;

export const pressed = () => down;

// Do it now, or as soon as no pointer is down; the same function once, however often it is asked for.
export function whenFree(action) {
  if (down) waiting.add(action); else action();
}

function release() {
  down = false;
  const actions = [...waiting];
  waiting.clear();
  actions.forEach((action) => action());
}

function releaseIn(ms) {
  clearTimeout(timer);
  timer = setTimeout(release, ms);
}

document.addEventListener("pointerdown", () => { down = true; releaseIn(LONGEST_MS); }, true);
for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, () => releaseIn(AFTER_MS), true);

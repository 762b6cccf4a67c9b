// Times that run down, by the platform's clock: the telephone's may be wrong.
const page = document.documentElement.dataset;
// A page from the telephone's own memory is as old as it is: its clock was right when it was kept.
let skew = Number(page.now) - (Number(page.keptAt) || Date.now());
let timer = 0;

export function setClock(now) { skew = now - Date.now(); }

function turn() {
  for (const shown of document.querySelectorAll("[data-until]")) {
    const left = Math.round((Number(shown.dataset.until) - Date.now() - skew) / 1000);
    const text = left > 0
      ? shown.dataset.text.replace("%", `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`)
      : shown.dataset.over;
    const place = shown.querySelector("span") ?? shown;
    if (place.textContent !== text) place.textContent = text;
    shown.classList.toggle("over", left <= 0);
  }
}

export function runCountdowns() {
  clearInterval(timer);
  turn();
  timer = setInterval(turn, 500);
}

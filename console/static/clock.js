// Running times: elapsed since data-since, left until data-until, both in ms since 1970 by the server's clock, however
// wrong the clock of this machine is. A time that has run out fires the event "ran-out" on the document, once. While the
// page is cut off they show "—": nobody knows.
const ahead = Date.now() - Number(document.documentElement.dataset.now);
const two = (n) => String(n).padStart(2, "0");
const reported = new Set();

export const now = () => Date.now() - ahead;

export function span(s) {
  const whole = Math.max(0, Math.floor(s));
  const minutes = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return whole < 3600 ? minutes : `${Math.floor(whole / 3600)}:${minutes}`;
}

function show(time, text) { if (time.textContent !== text) time.textContent = text; }

export function tick() {
  const cut = document.body.classList.contains("cut-off");
  for (const time of document.querySelectorAll("time[data-since]")) {
    show(time, cut ? "—" : span((now() - Number(time.dataset.since)) / 1000));
  }
  for (const time of document.querySelectorAll("time[data-until]")) {
    const left = (Number(time.dataset.until) - now()) / 1000;
    show(time, cut ? "—" : span(left));
    if (left < -1 && !reported.has(time.dataset.until)) {
      reported.add(time.dataset.until);
      document.dispatchEvent(new Event("ran-out"));
    }
  }
}

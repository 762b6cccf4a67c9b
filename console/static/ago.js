// Ages go on: <time data-ago="ms"> tells how long ago it was, and what has data-until="ms" is no longer fresh after it:
// its state becomes "unknown", with its word. By the server's clock. Works on whatever is in the document at the time.
import { now } from "./clock.js";

const ZH = document.documentElement.lang.startsWith("zh");
const AGES = [[60, 1, " 秒前", " s ago"], [3600, 60, " 分钟前", " min ago"], [172800, 3600, " 小时前", " h ago"], [Infinity, 86400, " 天前", " d ago"]];

export function ago(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const [, size, zh, en] = AGES.find(([below]) => s < below);
  return Math.floor(s / size) + (ZH ? zh : en);
}

function age() {
  const cut = document.body.classList.contains("cut-off"); // nobody knows what came since
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = cut ? "—" : ago((now() - Number(time.dataset.ago)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
  for (const sign of document.querySelectorAll("[data-until].good, [data-until].bad")) {
    if (now() <= Number(sign.dataset.until)) continue;
    sign.classList.remove("good", "bad");
    sign.classList.add("unknown");
    const word = sign.querySelector("[data-old]");
    if (word) word.textContent = word.dataset.old;
  }
}

age();
setInterval(age, 1000);
document.addEventListener("page:ready", age);
document.addEventListener("htmx:after:swap", age);

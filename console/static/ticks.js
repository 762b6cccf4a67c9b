// Clocks of the desk beside those of clock.js: time left until data-due (grey, amber in the last third, red once it is
// over: "late 4:31"), and seconds until data-in. While the page does not know the present they stand still ("—").
import { now, span, tick } from "./clock.js";

const short = (s) => span(s).replace(/^0(\d:)/, "$1");
const blind = () => document.body.classList.contains("cut-off");

export function tickDesk() {
  const words = document.getElementById("queue") || document.getElementById("p-sla");
  const late = words ? words.dataset.late || "{t}" : "{t}";
  const seconds = document.getElementById("queue")?.dataset.seconds || "{n}";
  for (const clock of document.querySelectorAll("[data-due]")) {
    const [from, due] = [Number(clock.dataset.from), Number(clock.dataset.due)];
    const left = (due - now()) / 1000;
    const word = clock.dataset.word ? `${clock.dataset.word} ` : "";
    const text = blind() ? "—" : left >= 0 ? word + span(left) : late.replace("{t}", short(-left));
    if (clock.textContent !== text) clock.textContent = text;
    clock.classList.toggle("soon", !blind() && left >= 0 && left < (due - from) / 3000);
    clock.classList.toggle("over", !blind() && left < 0);
  }
  for (const clock of document.querySelectorAll("[data-in]")) {
    const left = Math.max(0, Math.round((Number(clock.dataset.in) - now()) / 1000));
    const text = blind() ? "—" : left < 100 ? seconds.replace("{n}", left) : span(left);
    if (clock.textContent !== text) clock.textContent = text;
  }
  for (const passing of document.querySelectorAll("[data-gone-at]")) {
    if (now() > Number(passing.dataset.goneAt)) passing.remove();
  }
}

export function tickAll() {
  tick();
  tickDesk();
}
document.addEventListener("tick", tickDesk); // the shell's, once a second, in a tab behind others too

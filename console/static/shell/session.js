// The end of the login is told 15 minutes before, with a button to stay; what somebody does makes it last, too.
import { whenFree } from "./finger.js";

const WARN_S = 900;
let ends = null;
let mayStay = false;

function show() {
  const line = document.getElementById("session-end");
  const left = ends === null ? Infinity : (ends - performance.now()) / 1000;
  line.hidden = left > WARN_S;
  if (line.hidden) return;
  const words = mayStay ? line.dataset.stay : line.dataset.last;
  const text = words.replace("{n}", Math.max(1, Math.ceil(left / 60)));
  const place = line.querySelector("span");
  if (place.textContent !== text) place.textContent = text;
  line.querySelector("form").hidden = !mayStay;
}

async function stay(event) {
  event.preventDefault();
  const answer = await fetch(event.target.action, { method: "POST", redirect: "manual" }).catch(() => null);
  if (!answer?.ok && answer?.type !== "opaqueredirect") return; // not kept: the warning stays
  ends = null; // the socket tells the new end
  show();
}

document.querySelector("#session-end form").addEventListener("submit", stay);
document.addEventListener("live:session", ({ detail }) => {
  ends = performance.now() + 1000 * detail.ends_s;
  mayStay = detail.may_stay;
  whenFree(show);
});
document.addEventListener("tick", () => whenFree(show));

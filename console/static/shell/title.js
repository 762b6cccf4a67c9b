// The browser's tab says what waits: title, icon with a number, badge of the installed app. The page's own title comes
// back when nothing waits.
import { hasWord, ofPeople, what, who, word } from "./alerts.js";
import { cutWords, isCut } from "./truth.js";

const SHAPE = { emergency: "▲", urgent: "◆", attention: "●" };
const LONGEST = 24;
const icon = () => document.querySelector("link[rel=icon]");
const plain = icon().getAttribute("href");
let own = document.title;
let drawn = "";

export function setOwn(title) {
  own = title;
  show();
}

const short = (text) => text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;

export function show() {
  const words = document.getElementById("words");
  if (!words) { document.title = own; return; } // a page outside the shell
  const { brand } = words.dataset;
  const waiting = ofPeople();
  const nearest = waiting[0];
  let title = own;
  if (nearest) title = `(${waiting.length}) ${SHAPE[nearest.severity]} ${who(nearest)} ${short(hasWord(nearest) ? word(nearest) : what(nearest))} · ${brand}`;
  if (isCut()) title = `⚠ ${cutWords()} · ${brand}`;
  if (document.title !== title) document.title = title;
  draw(isCut() ? "!" : waiting.length, isCut() ? "--em-fill" : nearest?.severity === "emergency" ? "--em-fill" : nearest?.severity === "urgent" ? "--ur-fill" : "--te");
  if (navigator.setAppBadge) (waiting.length ? navigator.setAppBadge(waiting.length) : navigator.clearAppBadge()).catch(() => {});
}

function draw(count, token) {
  const state = `${count} ${token}`;
  if (state === drawn) return;
  drawn = state;
  if (!count) { icon().href = plain; return; }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 32;
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(token);
  pen.beginPath();
  pen.roundRect(0, 0, 32, 32, 8);
  pen.fill();
  pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--on-fill");
  pen.font = `bold ${String(count).length > 1 ? 19 : 25}px sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(count > 99 ? "99" : String(count), 16, 17);
  icon().href = canvas.toDataURL("image/png");
}

for (const event of ["alerts:changed", "truth:cut", "truth:grave", "truth:late", "truth:good", "live:beat"]) document.addEventListener(event, show);

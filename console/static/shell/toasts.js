// The nearest alert in the header, and a toast where a new emergency comes while somebody works on another page: seen
// there, and one key (o) away.
import { hasWord, ofPeople, what, who, word } from "./alerts.js";

const SHAPE = { emergency: "▲", urgent: "◆", attention: "●" };
const MOST = 3;
const words = () => document.getElementById("words").dataset;
const box = () => document.getElementById("toasts");
const address = (alert) => `/?a=${alert.id}`;
const isOpen = (id) => location.pathname === `/alerts/${id}` || new URLSearchParams(location.search).get("a") === id;

function nearest() {
  const link = document.getElementById("nearest");
  const waiting = ofPeople();
  link.hidden = waiting.length === 0;
  if (!waiting.length) return;
  const [alert] = waiting;
  link.className = `nearest ${alert.severity}`;
  link.href = address(alert);
  const count = document.createElement("b");
  count.textContent = `${SHAPE[alert.severity]} ${waiting.length}`;
  const name = document.createElement("span");
  name.textContent = who(alert);
  link.replaceChildren(count, name);
  link.title = `${who(alert)} ${hasWord(alert) ? word(alert) : what(alert)}`;
}

export function toast(kind, text, parts = []) {
  const line = document.createElement("div");
  line.className = `toast ${kind}`;
  const said = document.createElement("p");
  said.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = words().dismiss;
  close.addEventListener("click", () => line.remove());
  line.append(said, ...parts, close);
  box().append(line);
  while (box().children.length > MOST) box().firstElementChild.remove();
  return line;
}

// Where the head of the queue is in view the row itself is the news.
const onBoard = () => Boolean(document.getElementById("queue")?.checkVisibility()) && document.querySelector(".desk-queue").scrollTop < 100;

function news({ detail: { alert } }) {
  if (alert.severity === "emergency" && !onBoard() && !isOpen(alert.id)) tellOf(alert, `▲ ${words().new.replace("{who}", who(alert))} ${what(alert)}`);
}

// What somebody has told of an alert that is in hand: also where its row is in view, for it has no new row.
function told({ detail: { alert } }) {
  document.querySelector(`.toast[data-alert="${alert.id}"]`)?.remove();
  if (!isOpen(alert.id)) tellOf(alert, `${SHAPE[alert.severity] ?? "■"} ${who(alert)} · ${word(alert)}`);
}

function tellOf(alert, text) {
  const link = document.createElement("a");
  link.className = "button primary";
  link.href = address(alert);
  link.textContent = words().open;
  const key = document.createElement("kbd");
  key.textContent = "O";
  link.append(key);
  const line = toast("emergency", text, [link]);
  line.dataset.alert = alert.id;
}

// What somebody else has taken, or what is open before one's eyes, is no news any more.
function settled() {
  const waiting = new Set(ofPeople().map((alert) => alert.id));
  for (const line of document.querySelectorAll(".toast[data-alert]")) {
    if (!waiting.has(line.dataset.alert) || isOpen(line.dataset.alert)) line.remove();
  }
}

// Single keys can be switched off on the desk's sheet of keys, for every page.
export const keysOff = () => localStorage.getItem("keys") === "off";
export const inField = (target) => target.closest?.("input, textarea, select, [contenteditable]");

document.addEventListener("alerts:changed", () => { nearest(); settled(); });
document.addEventListener("page:ready", settled);
document.addEventListener("alerts:new", news);
document.addEventListener("alerts:word", told);
// On the window: a page's own keys come first, of which "g o" is one.
window.addEventListener("keydown", (event) => {
  if (event.key !== "o" || event.defaultPrevented || keysOff() || event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
  const link = [...document.querySelectorAll(".toast[data-alert] a")].at(-1) ?? document.getElementById("nearest");
  if (!link || link.hidden) return;
  event.preventDefault();
  link.click();
});

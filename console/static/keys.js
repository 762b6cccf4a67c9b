// The desk by keyboard. Single keys work only outside fields, and can be switched off (WCAG 2.1.4).
import { article, close, file, isOpening, open, show } from "./detail.js";
import { links } from "./queue.js";
import { go } from "./shell/navigate.js";
import { keysOff as off } from "./shell/toasts.js";

const WAIT_MS = 5000;
let chord = null; // "c", "d" or "g", and until when
let early = []; // keys for an alert that is still on its way, with their times
const typing = (element) => element?.closest?.("input:not([type=radio]):not([type=checkbox]):not([type=button]), textarea, select, [contenteditable]");
const sheet = () => document.getElementById("keys");

function arm(key) {
  chord = { key, until: Date.now() + WAIT_MS };
  const place = { c: "calls", d: "candidates" }[key];
  for (const name of ["calls", "candidates"]) document.getElementById(name)?.classList.toggle("d-armed", name === place);
  document.getElementById(place)?.scrollIntoView({ block: "nearest" });
}

function disarm() {
  chord = null;
  for (const name of ["calls", "candidates"]) document.getElementById(name)?.classList.remove("d-armed");
}

function move(by) {
  const rows = links();
  if (!rows.length) return;
  const here = rows.findIndex((row) => row === document.activeElement);
  const current = here >= 0 ? here : rows.findIndex((row) => row.getAttribute("aria-current"));
  const next = current < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, current + by));
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

const press = (selector) => { const button = document.querySelector(selector); button?.click(); return Boolean(button); };

function act(key) {
  if (key === "c" || key === "d") { arm(key); return true; }
  if (key === "n" || key === "r") return show(key, true);
  if (key === "f") { file(); return true; }
  return press(`#detail [data-key="${key}"]`);
}

// Keys act on the open alert; with none open, on the row that has the focus.
async function onAlert(key) {
  if (!article()) {
    const row = document.activeElement?.closest?.("#queue a[data-id]") || links().find((one) => one.getAttribute("aria-current"));
    if (!row) { move(1); return; } // nobody has looked at any: the first one has the focus now
    await open(row.dataset.id, { focus: false });
    if (!article()) return; // it did not come
  }
  act(key);
}

function escape(event) {
  if (sheet()?.open) { sheet().close(); return; }
  if (chord) { disarm(); return; }
  const field = typing(event.target);
  if (field) { field.blur(); return; }
  const panel = document.querySelector("#detail .d-panel:not([hidden])");
  if (panel) { show(panel.id.slice("panel-".length), false); return; }
  if (article()?.classList.contains("d-file-open")) { file(false); return; }
  if (article()) close();
}

document.addEventListener("keydown", (event) => {
  if (!document.getElementById("desk") || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") { escape(event); return; }
  if (typing(event.target) || off() || (sheet()?.open && event.key !== "?")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (isOpening() && "acdnrmftu123456789".includes(key) && key.length === 1) early.push([key, Date.now()]);
  else if (!pressed(key, event.target)) return;
  event.preventDefault();
});

// One key; says whether it means anything.
function pressed(key, target) {
  if (chord && Date.now() < chord.until && (chord.key === "g" ? "aor" : "123456789").includes(key)) {
    const { key: first } = chord;
    disarm();
    if (first === "g") go({ a: "/", o: "/orders", r: "/residents" }[key]);
    else if (first === "c") document.querySelectorAll("#calls [data-call]")[key - 1]?.click();
    else document.querySelectorAll("#candidates ol form button")[key - 1]?.click();
  } else if (key === "j" || (key === "ArrowDown" && !target.closest("#detail"))) move(1);
  else if (key === "k" || (key === "ArrowUp" && !target.closest("#detail"))) move(-1);
  else if (key === "Enter" && !article() && links()[0] && [document.body, document.getElementById("main"), null].includes(document.activeElement)) open(links()[0].dataset.id);
  else if ("acdnrmftu".includes(key) && key.length === 1) onAlert(key);
  else if (key === "g") arm("g");
  else if (key === "?") { if (sheet()?.open) sheet().close(); else sheet()?.showModal(); }
  else return false;
  return true;
}

document.addEventListener("desk:opening", () => { early = []; }); // they were meant for the one before
document.addEventListener("desk:opened", () => {
  if (isOpening()) return; // another one by now
  const keys = early.filter(([, at]) => Date.now() - at < WAIT_MS);
  early = [];
  if (article()) keys.forEach(([key]) => pressed(key, document.body));
});
document.addEventListener("desk:key", (event) => {
  const key = event.detail;
  if (key === "n" || key === "r") show(key);
  else act(key);
  if (key === "c") document.querySelector("#calls [data-call]")?.focus();
  if (key === "d") document.querySelector("#candidates ol form button")?.focus();
});
// A step of the procedure leads to what it says: a call to the first of those people, dispatch, a note.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#detail [data-do]");
  if (!button) return;
  const { do: what, what: kind } = button.dataset;
  if (what !== "call") { document.dispatchEvent(new CustomEvent("desk:key", { detail: what })); return; }
  const place = document.getElementById("calls");
  place?.scrollIntoView({ block: "nearest" });
  place?.querySelector(`[data-call][data-kind="${kind}"]`)?.click();
});
document.addEventListener("change", (event) => {
  if (event.target.id === "keys-on") localStorage.setItem("keys", event.target.checked ? "on" : "off");
});

export function start() {
  const box = document.getElementById("keys-on");
  if (box) box.checked = !off();
}

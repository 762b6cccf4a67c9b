// The queue beside the open alert: fetched when something changed, put in place row by row. Rows that say the same stay
// the same nodes, so that focus, scroll and a click under way survive; with nothing new nothing is touched.
import { pressed } from "./shell/finger.js";
import { toLogin } from "./shell/socket.js";
import { tickAll } from "./ticks.js";

const AGAIN_MS = 3000;
const LOST_MS = 10000; // an answer that does not come by then is asked for anew: a line may be gone without a word
const EVERY_MS = 15000; // the order by time left changes without news
const WRITTEN_MS = 1500; // by then a new alert is in the database, with its ladder
const opened = new Set();
let last = "";
let refreshing = false;
let again = false;

export const queue = () => document.getElementById("queue");
export const links = () => [...document.querySelectorAll("#queue a[data-id]")];

export function filters() {
  const wanted = new URLSearchParams(location.search);
  wanted.delete("a");
  return wanted;
}

export function mark(id) {
  for (const link of links()) {
    if (link.dataset.id === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

const nameOf = (element) => element?.id || element?.closest("li[id]")?.id;

function patch(text) {
  const old = queue();
  const next = new DOMParser().parseFromString(text, "text/html").getElementById("queue");
  if (!old || !next) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const name = nameOf(focused);
  const pane = old.closest(".desk-queue");
  const top = pane ? pane.scrollTop : 0;
  const form = old.querySelector("[data-filter-form]");
  if (form && form.contains(focused)) next.querySelector("[data-filter-form]").replaceWith(form);
  const rows = new Map([...old.querySelectorAll("li.q-row")].map((row) => [row.id, row]));
  for (const row of next.querySelectorAll("li.q-row")) {
    const known = rows.get(row.id);
    if (known && known.dataset.mark === row.dataset.mark) row.replaceWith(known);
    else if (!known && last) row.classList.add("arrived");
  }
  old.replaceWith(next);
  if (pane) pane.scrollTop = top;
  if (focused && document.activeElement !== focused) {
    const there = focused.isConnected ? focused : document.getElementById(name || "");
    (there?.matches("li") ? there.querySelector("a") : there)?.focus({ preventScroll: true });
  }
  mark(document.getElementById("alert")?.dataset.alert);
  tickAll();
}

export async function refresh() {
  if (!queue()) return;
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    const wanted = filters();
    for (const key of opened) wanted.append("opened", key);
    const answer = await fetch(`/queue?${wanted}`, { signal: AbortSignal.timeout(LOST_MS) });
    if (answer.redirected) { toLogin(); return; }
    if (!answer.ok) throw new Error(`the queue: ${answer.status}`); // what is shown stays
    const text = await answer.text();
    while (pressed()) await new Promise((resolve) => { setTimeout(resolve, 50); }); // nothing moves under a finger
    if (text !== last) { patch(text); last = text; }
    document.dispatchEvent(new Event("queue:shown"));
  } catch {
    setTimeout(refresh, AGAIN_MS);
  } finally {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }
}

export function filter(address) {
  const url = new URL(address, location.href);
  const open = document.getElementById("alert")?.dataset.alert;
  if (open && queue()) url.searchParams.set("a", open);
  history.pushState({ desk: true }, "", url);
  refresh();
}

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-section], [data-group]");
  if (toggle && queue()?.contains(toggle)) {
    if (opened.has(toggle.id)) opened.delete(toggle.id); else opened.add(toggle.id);
    refresh();
  }
  const link = event.target.closest("a[data-filter]");
  if (link && queue() && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    filter(link.href);
  }
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-filter-form]");
  if (form) filter(`/?${new URLSearchParams([...new FormData(form)].filter(([, value]) => value))}`);
});
const news = () => { refresh(); setTimeout(refresh, WRITTEN_MS); };

for (const kind of ["live:alert", "live:board"]) document.addEventListener(kind, news);
for (const kind of ["link:up", "ran-out"]) document.addEventListener(kind, refresh); // ran-out: a ladder has climbed
document.addEventListener("live:beat", ({ detail }) => {
  if (queue() && (queue().dataset.database === "up") !== detail.database) refresh();
});
setInterval(() => { if (!document.hidden) refresh(); }, EVERY_MS);

export function start() {
  last = "";
  tickAll();
  refresh();
}

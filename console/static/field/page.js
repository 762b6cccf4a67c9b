// The page of an order on a telephone: a press is kept first, then sent, and shown at once; see store.js.
import { all, drop, keep, send } from "./store.js";
import { pictureOf, watchPictures } from "./picture.js";
import { runCountdowns, setClock } from "./countdown.js";

const TO = { accept: "accepted", depart: "en_route", arrive: "arrived", finish: "done" };
const AGAIN_MS = [2000, 4000, 8000, 15000, 30000];
const ASK_MS = 15000;
const LOST_MS = 10000;
const PROBE = "/field-worker.js"; // small, and no look at anybody
const ENGLISH = document.documentElement.lang.startsWith("en");
const CLOCK = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });
let tries = 0;
let heard = false; // the platform has answered since the telephone last said that it has no signal
let timer = 0;

const field = () => document.getElementById("field");
const word = (action) => field().dataset[`word${action[0].toUpperCase()}${action.slice(1)}`] ?? action;
const mine = (press) => press.path === field()?.dataset.path;
const told = (answer) => (ENGLISH ? answer.message_en : answer.message_zh) || "";

function line(press) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  const at = CLOCK.format(press.pressedAt);
  item.append(text);
  if (!press.refused) {
    text.textContent = `${word(press.action)} ${at} · ${field().dataset.saved}`;
    return item;
  }
  item.className = "refused";
  const why = told(press.refused) || field().dataset.failed.replace("{why}", press.refused.status ? `${press.refused.status} ` : "");
  text.textContent = `${word(press.action)} ${at} · ${field().dataset.refused}：${why}${press.fields.note ? ` “${press.fields.note}”` : ""}`;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = field().dataset.close;
  close.addEventListener("click", async () => { await drop(press.number); await show(); });
  item.append(close);
  return item;
}

// What the order will be once everything has arrived: the person goes on meanwhile.
async function show() {
  const here = field();
  if (!here) return;
  const waiting = (await all()).filter(mine);
  const list = here.querySelector("[data-unsent]");
  list.replaceChildren(...waiting.map(line));
  list.hidden = !waiting.length;
  const offline = here.querySelector("[data-offline]");
  const kept = Number(document.documentElement.dataset.keptAt);
  offline.textContent = (kept ? `${here.dataset.kept.replace("%", CLOCK.format(kept))} ` : "") + here.dataset.lost;
  offline.hidden = (navigator.onLine || heard) && !kept && !(tries && waiting.some((press) => !press.refused));
  const state = waiting.filter((press) => !press.refused).reduce((now, press) => TO[press.action] ?? now, here.dataset.state);
  const handed = waiting.some((press) => press.action === "decline" && !press.refused);
  for (const stage of document.querySelectorAll("[data-stage]")) {
    stage.hidden = handed || !stage.dataset.stage.split(" ").includes(state);
  }
  document.body.classList.toggle("waiting", waiting.length > 0);
}

// The page as the platform has it now, without leaving it: forms that somebody fills in and what they opened stay.
async function refresh() {
  const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(LOST_MS) });
  if (answer.status >= 500) throw new Error(String(answer.status)); // what is here stays
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = fresh.querySelector("main");
  const here = document.querySelector("main");
  if (!main) return;
  const focused = document.activeElement;
  for (const form of here.querySelectorAll("form[data-touched]:not([data-sent])")) {
    const alike = `form[data-press="${form.dataset.press}"]`;
    main.querySelectorAll(alike)[[...here.querySelectorAll(alike)].indexOf(form)]?.replaceWith(form);
  }
  const open = new Set([...here.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  for (const one of main.querySelectorAll("details > summary")) one.parentElement.open ||= open.has(one.textContent);
  here.replaceChildren(...main.childNodes);
  delete document.documentElement.dataset.keptAt;
  if (fresh.documentElement.dataset.now) setClock(Number(fresh.documentElement.dataset.now));
  if (focused?.isConnected) focused.focus({ preventScroll: true });
  begin();
}

async function flush() {
  clearTimeout(timer);
  let answered = null;
  const done = await send(async (press, answer) => { if (mine(press)) answered = answer; });
  if (answered) {
    heard = true;
    try { await refresh(); } catch { /* the signal is lost again: what is here stays */ }
    if (answered.result !== "refused" && told(answered)) notice(told(answered));
  }
  const left = (await all()).some((press) => !press.refused);
  tries = left && !done ? tries + 1 : 0;
  if (left) timer = setTimeout(flush, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]);
  await show();
}

function notice(text) {
  const shown = document.createElement("p");
  shown.className = "notice";
  shown.setAttribute("role", "status");
  shown.textContent = text;
  field()?.append(shown);
}

async function press(event) {
  const form = event.target.closest("form[data-press]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.sent) return;
  form.dataset.sent = "1"; // a second tap on the same button is the same press
  const fields = {};
  for (const [name, value] of new FormData(form)) if (typeof value === "string") fields[name] = value;
  const photo = await pictureOf(form);
  try {
    await keep({
      path: form.getAttribute("action"), action: fields.action, key: fields.key, pressedAt: Date.now(), fields, photo,
    });
  } catch { form.submit(); return; } // no store here: the form goes by itself
  await show();
  navigator.serviceWorker?.ready.then((worker) => worker.sync?.register("field")).catch(() => {});
  await flush();
}

// Whether what lies open in the hand still holds: the desk may have sent somebody else, or the alert has ended. The mark
// of an order's page shows nobody; a page without one is asked for anew when somebody looks at it again.
let asking = false;
async function ask(looksAgain = false) {
  if (asking || document.hidden) return;
  asking = true;
  try {
    if ((await all()).some((press) => !press.refused)) return; // they are sent first, and bring the page along
    const here = field();
    let stale = looksAgain || Boolean(document.documentElement.dataset.keptAt);
    if (here?.dataset.mark) {
      const answer = await fetch(`${here.dataset.path}/mark`, { signal: AbortSignal.timeout(LOST_MS) });
      heard = true;
      if (answer.status >= 500) return;
      stale = (await answer.json()).mark !== here.dataset.mark || Boolean(document.documentElement.dataset.keptAt);
    } else if (!navigator.onLine && !stale) {
      await fetch(PROBE, { cache: "no-store", signal: AbortSignal.timeout(LOST_MS) });
      heard = true;
    }
    if (stale) { await refresh(); heard = true; }
    await show();
  } catch {
    heard = false; // no signal: the next turn asks again
    await show();
  } finally { asking = false; }
}

// Without a signal nothing leads away from here: the browser would show its own page, and this one be gone. Some
// telephones say that they have none where they have: the platform is asked before anybody is held back.
async function leave(event, link) {
  try {
    await fetch(PROBE, { cache: "no-store", signal: AbortSignal.timeout(LOST_MS) });
    if (link) location.assign(link.href);
    else event.target.submit();
  } catch {
    await show();
    field()?.scrollIntoView({ block: "center" });
  }
}

function stay(event) {
  if (navigator.onLine) return;
  const link = event.target.closest?.("a[href]");
  const leaves = event.type === "submit" ? !event.target.closest("form[data-press]")
    : link && link.origin === location.origin && link.pathname !== location.pathname;
  if (!leaves) return;
  event.preventDefault();
  event.stopPropagation();
  leave(event, event.type === "submit" ? null : link);
}

function begin() {
  watchPictures();
  runCountdowns();
}

async function work() {
  if (!("serviceWorker" in navigator)) return;
  try {
    const scopes = await Promise.all(["/w/", "/a/"].map((scope) => navigator.serviceWorker.register("/field-worker.js", { scope, type: "module" })));
    const here = scopes.find((one) => location.pathname.startsWith(new URL(one.scope).pathname));
    const worker = here.active ?? here.installing ?? here.waiting;
    const parts = performance.getEntriesByType("resource").map((one) => new URL(one.name)).filter((url) => url.origin === location.origin && /^\/(static|styles)\//.test(url.pathname));
    worker.postMessage({ keep: [...new Set([location.pathname, ...parts.map((url) => url.pathname), "/static/field/store.js"])] });
    navigator.serviceWorker.addEventListener("message", (event) => { if (event.data?.kept) document.documentElement.dataset.kept = "1"; });
  } catch { /* an old browser: the page works while there is a signal */ }
}

for (const kind of ["input", "change"]) {
  document.addEventListener(kind, (event) => { const form = event.target.closest("form[data-press]"); if (form) form.dataset.touched = "1"; });
}
document.addEventListener("submit", press);
document.addEventListener("submit", stay, true);
document.addEventListener("click", stay, true);
addEventListener("online", () => { tries = 0; flush().then(() => ask()); });
addEventListener("offline", () => { heard = false; show(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) flush().then(() => ask(true)); });
begin();
await show();
flush().then(() => ask());
setInterval(ask, ASK_MS);
work();

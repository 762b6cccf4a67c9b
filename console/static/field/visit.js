// A visit or a delivery round on the telephone: a press is kept first, then sent; without a signal it waits here, and the
// page opens from its last look. See store.js and worker.js.
import { all, drop, keep, send } from "./store.js";

const AGAIN_MS = 10000;
const PLACE = { enableHighAccuracy: true, timeout: 15000, maximumAge: 10000 };
const ENGLISH = document.documentElement.lang.startsWith("en");
const CLOCK = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });
const visit = () => document.getElementById("visit");
const mine = (press) => press.path === visit()?.dataset.path || press.path.startsWith(`${visit()?.dataset.path}/`);

async function show() {
  const here = visit();
  if (!here) return;
  const waiting = (await all()).filter(mine);
  const list = here.querySelector("[data-unsent]");
  list.replaceChildren(...waiting.map((press) => {
    const item = document.createElement("li");
    const why = press.refused ? (ENGLISH ? press.refused.message_en : press.refused.message_zh) : "";
    item.textContent = `${CLOCK.format(press.pressedAt)} · ${press.label ? `${press.label} · ` : ""}${press.refused ? `${here.dataset.refused} ${why}` : here.dataset.saved}`;
    return item;
  }));
  list.hidden = !waiting.length;
  // a door of a round that is recorded and waits is done: the next one comes up
  for (const form of here.querySelectorAll("form[data-label]")) {
    const done = waiting.some((press) => press.path === form.getAttribute("action") && !press.refused);
    form.closest("article").hidden = done;
  }
  const offline = here.querySelector("[data-offline]");
  const kept = Number(document.documentElement.dataset.keptAt);
  offline.textContent = (kept ? `${here.dataset.kept.replace("%", CLOCK.format(kept))} ` : "") + here.dataset.lost;
  offline.hidden = navigator.onLine && !kept;
}

function placeOf() {
  return new Promise((resolve) => {
    if (!navigator.geolocation) { resolve(null); return; }
    navigator.geolocation.getCurrentPosition((found) => resolve(found.coords), () => resolve(null), PLACE);
  });
}

async function flush() {
  let answered = null;
  await send(async (press, answer) => { if (mine(press)) answered = answer; });
  for (const press of (await all()).filter((one) => mine(one) && one.refused)) {
    if (answered?.result !== "refused") await drop(press.number); // an older one: the page has gone on
  }
  await show();
  if (answered && answered.result !== "refused") location.reload();
}

async function press(event) {
  const form = event.target.closest("form[data-press]");
  if (!form || form.dataset.sent) return;
  event.preventDefault();
  form.dataset.sent = "1"; // a second tap on the same button is the same press
  const pressedAt = Date.now();
  const data = new FormData(form);
  if (event.submitter?.name) data.set(event.submitter.name, event.submitter.value);
  if ("place" in form.dataset) {
    const place = await placeOf();
    if (place) {
      data.set("longitude", place.longitude);
      data.set("latitude", place.latitude);
      data.set("accuracy_m", place.accuracy);
    } else {
      for (const name of ["longitude", "latitude", "accuracy_m"]) data.delete(name);
    }
  }
  const fields = {};
  const many = ["tasks", "tried"]; // ticked more than once: one field with commas between
  for (const [name, value] of data) if (!many.includes(name) && value !== "") fields[name] = value;
  for (const name of many) if (data.has(name)) fields[`${name}_text`] = data.getAll(name).join(",");
  try {
    await keep({ path: form.getAttribute("action"), action: fields.action, key: fields.key, pressedAt, fields, photo: null, label: form.dataset.label });
  } catch { form.submit(); return; } // no store here: the form goes by itself
  await flush();
  delete form.dataset.sent;
  const key = form.querySelector("[name=key]"); // a new try is a new press
  key.value = `${key.value.slice(0, 12)}${Math.random().toString(16).slice(2, 14)}`;
}

async function work() {
  if (!("serviceWorker" in navigator)) return;
  try {
    const scopes = await Promise.all(["/mine/visits/", "/care/meals/rounds/", "/door/"].map((scope) => navigator.serviceWorker.register("/field-worker.js", { scope, type: "module" })));
    const here = scopes.find((one) => location.pathname.startsWith(new URL(one.scope).pathname));
    const worker = here.active ?? here.installing ?? here.waiting;
    const parts = performance.getEntriesByType("resource").map((one) => new URL(one.name)).filter((url) => url.origin === location.origin && /^\/(static|styles)\//.test(url.pathname));
    worker.postMessage({ keep: [...new Set([location.pathname, ...parts.map((url) => url.pathname), "/static/field/store.js"])] });
    navigator.serviceWorker.addEventListener("message", (event) => { if (event.data?.kept) document.documentElement.dataset.kept = "1"; });
  } catch { /* an old browser: the page works while there is a signal */ }
}

document.addEventListener("submit", press);
addEventListener("online", flush);
addEventListener("offline", show);
await show();
await flush();
if (visit()) visit().dataset.ready = "1";
work();
setInterval(async () => { if ((await all()).some((one) => mine(one) && !one.refused)) flush(); }, AGAIN_MS);

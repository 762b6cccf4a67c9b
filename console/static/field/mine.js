// The carer's own page: times run down, and today's visits are fetched ahead, so that each opens in a flat without a line.
import { all, send } from "./store.js";
import { runCountdowns } from "./countdown.js";

const MOST = 20; // visits of a day
const CLOCK = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });
const own = () => [...document.querySelectorAll("a[data-visit]")].slice(0, MOST).map((one) => one.getAttribute("href"));

async function ahead() {
  if (!("serviceWorker" in navigator)) return;
  try {
    const scopes = await Promise.all(["/mine", "/mine/visits/"].map((scope) => navigator.serviceWorker.register("/field-worker.js", { scope, type: "module" })));
    const worker = scopes[0].active ?? scopes[0].installing ?? scopes[0].waiting;
    const parts = performance.getEntriesByType("resource").map((one) => new URL(one.name)).filter((url) => url.origin === location.origin && /^\/(static|styles)\//.test(url.pathname));
    navigator.serviceWorker.addEventListener("message", (event) => { if (event.data?.kept) document.documentElement.dataset.kept = "1"; });
    worker.postMessage({ keep: [...new Set(["/mine", ...parts.map((url) => url.pathname), "/static/field/visit.js", "/static/field/store.js"])], ahead: own() });
  } catch { /* an old browser: the pages work while there is a signal */ }
}

// Presses that wait on this telephone are sent from here, too: the visit's page may not be opened again.
async function flush() {
  if (!(await all()).some((press) => !press.refused)) return;
  let answered = false;
  await send(() => { answered = true; });
  if (answered) location.reload();
}

function old() {
  const kept = Number(document.documentElement.dataset.keptAt);
  const note = document.querySelector("[data-offline]");
  if (!note) return;
  note.textContent = (kept ? `${note.dataset.kept.replace("%", CLOCK.format(kept))} ` : "") + note.dataset.lost;
  note.hidden = navigator.onLine && !kept;
}

document.addEventListener("page:ready", runCountdowns);
document.addEventListener("page:renewed", runCountdowns);
addEventListener("online", () => { flush(); old(); });
addEventListener("offline", old);
runCountdowns();
old();
flush().then(() => { if (navigator.onLine && !document.documentElement.dataset.keptAt) ahead(); });

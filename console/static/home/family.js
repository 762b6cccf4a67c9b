// A page of the family keeps itself true: it asks for the parts that change, at once when an alert changes, and turns
// grey by itself when it has not heard for STALE_MS. What somebody is typing stays: forms are outside these parts.
// Where to ask stands at #stale: "ask" for what changes every moment, "rest" for what changes seldom.
const STALE_MS = 10000;
const OLDEST_MS = 25000; // beats alone do not keep what was read longer ago
const ASK_MS = 4000; // without a beat the asking is the sign of life
const ASK_WITH_BEATS_MS = 10000;
const GIVE_UP_MS = 5000;
const REST_MS = 180000;
const TOLD = /[?&]told=\w+/;
const SEEN = "shouwang-family-seen";
const stale = document.getElementById("stale");
const zh = document.documentElement.lang.startsWith("zh");
let server = Number(document.documentElement.dataset.now) - Date.now(); // the server's clock minus this one
let heardAt = Date.now(); // when the parts were read last
let beatAt = 0; // when the platform said last that it sees its database
let askedAt = Date.now();
let restAt = Date.now();
let asking = false;
let again = false;

function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [unit, size] = seconds < 120 ? ["seconds", 1] : seconds < 7200 ? ["minutes", 60]
    : seconds < 172800 ? ["hours", 3600] : ["days", 86400];
  return stale.dataset[unit].replace("{n}", Math.floor(seconds / size));
}

// How long ago by this clock; one that was set back says nothing, and nothing is fresh that has no age.
const since = (ms) => (ms > Date.now() + 2000 ? Infinity : Date.now() - ms);

function put(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const parts = [...fresh.querySelectorAll(".kin-now")];
  const shown = [...document.querySelectorAll(".kin-card .kin-now")];
  if (parts.map((part) => part.id).join() !== shown.map((part) => part.id).join()) {
    if (!document.activeElement || !document.activeElement.matches("textarea, input, select")) location.reload();
    return false; // another parent, or one less: not under somebody's fingers; what is shown grows old
  }
  for (const part of parts) {
    const old = document.getElementById(part.id);
    const card = old.closest(".kin-card");
    if (old.dataset.state !== part.dataset.state) restAt = 0; // the rest of the page says the same in other words
    card.dataset.colour = part.dataset.colour;
    card.dataset.open = part.dataset.open;
    if (old.outerHTML !== part.outerHTML) {
      // the sentence is read aloud only where it says something else
      const said = old.querySelector(".kin-words");
      const same = said && said.textContent === part.querySelector(".kin-words").textContent;
      if (same) part.querySelector(".kin-said").replaceWith(old.querySelector(".kin-said"));
      old.replaceWith(part);
    }
  }
  return true;
}

async function ask() {
  if (document.hidden) return;
  if (asking) { again = true; return; } // what made us ask may be newer than the answer under way
  asking = true;
  askedAt = Date.now();
  try {
    const answer = await fetch(stale.dataset.ask, { signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" });
    if (answer.redirected || answer.status === 401) { location.reload(); return; }
    if (!answer.ok) return; // what is shown grows old
    const text = await answer.text();
    server = Number(answer.headers.get("X-Now")) - Date.now() || server; // either clock may have been set meanwhile
    if (put(text)) heardAt = Date.now();
    rest();
  } catch { /* no answer: what is shown grows old */ } finally {
    asking = false;
    tick();
    if (again) { again = false; ask(); }
  }
}

// What changes seldom: the day in words, the devices, the lists. A list that somebody has opened stays open.
async function rest() {
  if (!stale.dataset.rest || since(restAt) < REST_MS) return;
  restAt = Date.now();
  try {
    const answer = await fetch(stale.dataset.rest, { signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of fresh.querySelectorAll("[data-live]")) {
      const old = document.getElementById(part.id);
      if (old && old.outerHTML !== part.outerHTML && !old.contains(document.activeElement)) old.replaceWith(part);
    }
  } catch { /* the next time */ }
}

function tick() {
  const quiet = since(heardAt);
  const old = Math.min(quiet, since(beatAt)) > STALE_MS || quiet > OLDEST_MS;
  document.body.classList.toggle("kin-old", old);
  if (old) {
    stale.textContent = Number.isFinite(quiet) && heardAt ? stale.dataset.words.replace("{n}", span(quiet)) : stale.dataset.unknown;
    document.title = document.title.replace(/^(\? )?/, "? ");
  } else {
    document.title = document.title.replace(/^\? /, "");
  }
  stale.hidden = !old;
  for (const time of document.querySelectorAll("time[data-age]")) {
    const moment = new Date(Number(time.dataset.age));
    const age = Date.now() + server - moment.getTime();
    const ago = zh ? `${span(age)}前` : `${span(age)} ago`;
    const day = age < 72000000 ? {} : { month: "numeric", day: "numeric" }; // an old clock time looks like one of today
    const clock = moment.toLocaleString(zh ? "zh-CN" : "en-GB", {
      timeZone: "Asia/Shanghai", hour12: false, hour: "2-digit", minute: "2-digit", second: "2-digit", ...day,
    });
    time.textContent = zh ? `${clock}（${ago}）` : `${clock} (${ago})`;
  }
}

// A page that comes back from the browser's memory, or a telephone that was asleep, knows nothing of now.
addEventListener("pageshow", (event) => { if (event.persisted) { heardAt = 0; ask(); } tick(); });
document.addEventListener("visibilitychange", () => { tick(); if (!document.hidden) ask(); });

function connect() {
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live`);
  socket.onopen = ask; // what came between the page and its line
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "beat" && message.database && message.looked_s < 6) beatAt = Date.now();
    if (message.type === "alert") { restAt = 0; ask(); }
  };
  socket.onclose = (event) => {
    if (event.code === 4401) { location.reload(); return; }
    setTimeout(connect, ASK_MS);
  };
}

setInterval(() => {
  const beats = since(beatAt) < STALE_MS;
  if (since(askedAt) >= (beats ? ASK_WITH_BEATS_MS : ASK_MS)) ask();
}, 1000);
setInterval(tick, 1000);
tick();
connect();
// What was just told is no news when the page is opened again.
if (TOLD.test(location.search)) history.replaceState(null, "", location.pathname);

if ("serviceWorker" in navigator && isSecureContext) {
  navigator.serviceWorker.register("/family-app/worker.js", { scope: "/family" }).catch(() => {});
}
// Messages are offered when somebody comes for the second time: who has seen what it is for can decide.
try {
  const offer = document.getElementById("push-offer");
  if (localStorage.getItem(SEEN) && offer) {
    const button = document.getElementById("push");
    const show = () => { offer.hidden = button.hidden; };
    new MutationObserver(show).observe(button, { attributes: true, attributeFilter: ["hidden"] });
    show();
  }
  localStorage.setItem(SEEN, "1");
} catch { /* a browser that keeps nothing */ }

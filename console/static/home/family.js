// The family's page keeps itself true: it asks for the parts that change, at once when an alert changes, and turns grey
// by itself when it has not heard for STALE_MS. What somebody is typing stays: forms are outside the parts that change.
const STALE_MS = 10000;
const OLDEST_MS = 25000; // beats alone do not keep what was read longer ago
const ASK_MS = 4000; // without a beat the asking is the sign of life
const ASK_WITH_BEATS_MS = 10000;
const GIVE_UP_MS = 5000;
const SEEN = "shouwang-family-seen";
const stale = document.getElementById("stale");
const zh = document.documentElement.lang.startsWith("zh");
const server = Number(document.documentElement.dataset.now) - Date.now(); // the server's clock minus this one
let heardAt = Date.now(); // when the parts were read last
let beatAt = 0; // when the platform said last that it sees its database
let askedAt = Date.now();
let asking = false;
let again = false;

function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 120 ? stale.dataset.seconds.replace("{n}", seconds)
    : stale.dataset.minutes.replace("{n}", Math.round(seconds / 60));
}

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
    const answer = await fetch("/family/now", { signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" });
    if (answer.redirected || answer.status === 401) { location.reload(); return; }
    if (!answer.ok) return; // what is shown grows old
    if (put(await answer.text())) heardAt = Date.now();
  } catch { /* no answer: what is shown grows old */ } finally {
    asking = false;
    tick();
    if (again) { again = false; ask(); }
  }
}

function tick() {
  const quiet = Date.now() - heardAt;
  const old = Date.now() - Math.max(heardAt, beatAt) > STALE_MS || quiet > OLDEST_MS;
  document.body.classList.toggle("kin-old", old);
  if (old) {
    stale.textContent = stale.dataset.words.replace("{n}", span(quiet));
    document.title = document.title.replace(/^(\? )?/, "? ");
  } else {
    document.title = document.title.replace(/^\? /, "");
  }
  stale.hidden = !old;
  for (const time of document.querySelectorAll("time[data-age]")) {
    const moment = new Date(Number(time.dataset.age));
    const age = Date.now() + server - moment.getTime();
    const ago = zh ? `${span(age)}前` : `${span(age)} ago`;
    const clock = moment.toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai", hour12: false });
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
    if (message.type === "alert") ask();
  };
  socket.onclose = (event) => {
    if (event.code === 4401) { location.reload(); return; }
    setTimeout(connect, ASK_MS);
  };
}

setInterval(() => {
  const beats = Date.now() - beatAt < STALE_MS;
  if (Date.now() - askedAt >= (beats ? ASK_WITH_BEATS_MS : ASK_MS)) ask();
}, 1000);
setInterval(tick, 1000);
tick();
connect();

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

// The live board: a socket reports a change, the server renders the queue, htmx morphs it in place (the keyboard focus
// stays). Elapsed times tick here. A new emergency or urgent alert is announced, and an emergency rings until it is
// acknowledged.
import { tick as runClocks } from "./clock.js";

const link = document.getElementById("link");
const announce = document.getElementById("announce");
const sound = document.getElementById("sound");
const LOUD = ["emergency", "urgent"];
const WRITTEN_MS = 1500; // by then a new alert is in the database, with its ladder
const AGAIN_MS = 3000;
let context = null;
let socket = null;
let retry = 500;
let refreshing = false;
let again = false;
let announced = false; // and not on the board yet
const path = document.getElementById("path");
let provedAt = path.dataset.age === "" ? null : performance.now() - 1000 * Number(path.dataset.age); // null: not known
let brokenAt = path.dataset.broken;

// How long ago the whole path of an emergency was proved. Without a word from the server nothing is known.
function showPath() {
  const known = provedAt !== null && socket !== null && socket.readyState === WebSocket.OPEN;
  const age = known ? Math.max(0, Math.round((performance.now() - provedAt) / 1000)) : null;
  const late = known && (age > Number(path.dataset.limit) || brokenAt !== "");
  const words = !known ? path.dataset.unknown : late ? path.dataset.lost : path.dataset.proved;
  const where = late && brokenAt ? ` · ${path.dataset.at}: ${brokenAt}` : "";
  path.textContent = words.replace("{n}", age) + where;
  path.classList.toggle("bad", late || !known);
  path.classList.toggle("notice", late);
  path.classList.toggle("dim", known && !late);
}

async function refresh() {
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    // A group of many is closed unless it was opened: only groups in another state than their own go into the address.
    const details = [...document.querySelectorAll("#queue details")];
    const groups = details.filter((group) => group.open !== ("few" in group.dataset));
    const looks = new URLSearchParams(groups.map((group) => [group.open ? "opened" : "closed", group.id]));
    const answer = await fetch(`/queue?${looks}`);
    if (answer.redirected) { location.href = "/login"; return; }
    if (!answer.ok) throw new Error(`the queue: ${answer.status}`); // what is shown stays
    announced = false;
    await htmx.swap({ target: "#queue", text: await answer.text(), swap: "outerMorph", sourceElement: document.body });
    tick();
  } catch {
    setTimeout(refresh, AGAIN_MS);
  } finally {
    refreshing = false;
    if (again) { again = false; refresh(); }
  }
}

function connect() {
  socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/api/live");
  socket.onopen = () => {
    retry = 500;
    link.textContent = link.dataset.live;
    link.classList.remove("notice", "bad");
    refresh();
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "state") {
      const shown = document.getElementById("queue").dataset.database;
      if ((shown === "up") !== message.database) refresh();
      return;
    }
    if (message.type === "path") {
      provedAt = message.age_s === null ? null : performance.now() - 1000 * message.age_s;
      brokenAt = document.documentElement.lang.startsWith("zh") ? message.broken_zh : message.broken_en;
      showPath();
      return;
    }
    const alert = message.alert;
    if (alert && alert.state === "raised" && LOUD.includes(alert.severity)) {
      const zh = document.documentElement.lang.startsWith("zh");
      const who = (zh ? alert.resident_zh : alert.resident_en) || alert.household_code;
      announced = true;
      announce.textContent = `${announce.dataset.words}: ${who} — ${zh ? alert.reason_zh : alert.reason_en}`;
    }
    refresh();
    setTimeout(refresh, WRITTEN_MS);
  };
  socket.onclose = (event) => {
    if (event.code === 4401) { location.href = "/login"; return; }
    link.textContent = link.dataset.lost;
    link.classList.add("notice", "bad");
    setTimeout(connect, retry);
    retry = Math.min(2 * retry, 8000);
  };
}

function tick() {
  runClocks();
  showPath();
  const waiting = document.querySelector("#queue .emergency.raised, #queue .urgent.raised");
  if (!waiting && !announced) announce.textContent = "";
}

function ring() {
  if (!context || !document.querySelector("#queue .emergency.raised")) return;
  [880, 660].forEach((pitch, index) => {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const start = context.currentTime + index * 0.22;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.3, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.2);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.21);
  });
}

sound.addEventListener("click", () => {
  const on = sound.getAttribute("aria-pressed") !== "true";
  if (on) { context = context || new AudioContext(); context.resume(); } else { context = null; }
  sound.setAttribute("aria-pressed", String(on));
  sound.textContent = on ? sound.dataset.on : sound.dataset.off;
  ring();
});

document.addEventListener("toggle", (event) => {
  if (event.target.open && !event.target.querySelector("table")) refresh(); // its lines are fetched when it is opened
}, true);
document.addEventListener("ran-out", refresh); // a step has been taken
setInterval(tick, 1000);
setInterval(ring, 2000);
tick();
connect();

// The live board: a socket reports a change, the server renders the queue, htmx morphs it in place (the keyboard focus
// stays). Elapsed times tick here. A new emergency or urgent alert is announced, and an emergency rings until it is
// acknowledged.
import { tick as runClocks } from "./clock.js";

const link = document.getElementById("link");
const announce = document.getElementById("announce");
const sound = document.getElementById("sound");
const LOUD = ["emergency", "urgent"];
let context = null;
let socket = null;
let retry = 500;
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

const tell = (type, detail) => document.dispatchEvent(new CustomEvent(`live:${type}`, { detail }));

function connect() {
  socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/api/live");
  socket.onopen = () => {
    retry = 500;
    link.textContent = link.dataset.live;
    link.classList.remove("notice", "bad");
    tell("open");
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    tell(message.type, message);
    if (message.type === "state") return;
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

document.addEventListener("queue:shown", () => { announced = false; });
setInterval(tick, 1000);
setInterval(ring, 2000);
tick();
connect();

// The sound of this browser: armed by a press (a browser lets no page sound before), remembered, and armed again by the
// first gesture after a reload; a new login begins a shift, and a shift begins with a test of the sound. Rings an emergency every 2 s, an urgent alert every 10 s, one that lapsed at once; has
// a tone of its own for a page that is cut off.
import { raised, withWord } from "./alerts.js";
import { whenFree } from "./finger.js";
import { isCut } from "./truth.js";

const KEY = "shouwang sound";
const SHIFT = "shouwang sound of";
const EMERGENCY_S = 2;
const URGENT_S = 10;
const CUT_S = 10;
const WORD_S = 30; // a word of the family on which nobody acts
let context = null;
let seconds = 0;
let shift = "";
let pressed = false; // on this page: whoever pressed it has heard it

const strip = () => document.getElementById("unarmed");
const wanted = () => localStorage.getItem(KEY) === "on";
export const armed = () => context !== null && context.state === "running";

// Notes of [pitch in Hz, start in s, length in s].
function play(notes, loudness = 0.3) {
  if (!armed()) return;
  for (const [pitch, after, length] of notes) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const start = context.currentTime + after;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(loudness, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + length);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + length + 0.01);
  }
}

const emergency = () => play([[880, 0, 0.2], [660, 0.22, 0.2]]);
const urgent = () => play([[660, 0, 0.3]]);
const cut = () => play([[196, 0, 0.3], [196, 0.45, 0.3], [196, 0.9, 0.3]], 0.5);

const showStrip = () => { strip().hidden = armed(); };

function show() {
  const button = document.getElementById("sound");
  if (!button) return;
  const words = document.getElementById("words").dataset;
  whenFree(showStrip);
  button.hidden = false;
  button.setAttribute("aria-pressed", String(armed()));
  button.lastElementChild.textContent = armed() ? words.soundOn : words.soundOff;
  button.title = button.lastElementChild.textContent;
  for (const test of document.querySelectorAll("[data-sound=test]")) test.hidden = !armed();
}

async function arm() {
  context ??= new AudioContext();
  context.onstatechange = show;
  await context.resume().catch(() => {}); // switched off again before the browser allowed it
  show();
}

function disarm() {
  localStorage.setItem(KEY, "off");
  context?.close();
  context = null;
  show();
}

async function turnOn() {
  pressed = true;
  localStorage.setItem(KEY, "on");
  localStorage.setItem(SHIFT, shift);
  await arm();
  emergency();
}

function first() { if (wanted() && !armed()) arm(); }

// The login that the socket tells of: another one than that of the test is another shift, whose sound nobody has heard.
function begin({ detail }) {
  shift = detail.began;
  if (!wanted() || localStorage.getItem(SHIFT) === shift) return;
  if (pressed) localStorage.setItem(SHIFT, shift); else disarm();
}

function ring() {
  seconds += 1;
  if (isCut()) { if (seconds % CUT_S === 0) cut(); return; }
  const waiting = raised();
  if (waiting.some((alert) => alert.severity === "emergency")) { if (seconds % EMERGENCY_S === 0) emergency(); }
  else if (waiting.some((alert) => alert.severity === "urgent") && seconds % URGENT_S === 0) urgent();
  else if (withWord().length && seconds % WORD_S === 0) urgent();
}

export function start() {
  if (!document.getElementById("sound")) return; // who takes no alerts hears none
  document.addEventListener("click", (event) => {
    const press = event.target.closest("[data-sound]")?.dataset.sound;
    if (press === "toggle" && armed()) disarm();
    else if (press === "toggle" || press === "arm") turnOn();
    else if (press === "test") emergency();
  });
  for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, first, true);
  document.addEventListener("tick", ring);
  document.addEventListener("live:session", begin);
  document.addEventListener("alerts:new", ({ detail: { alert, lapsed } }) => {
    if (alert.severity === "emergency") emergency();
    else if (alert.severity === "urgent" || lapsed) urgent();
  });
  document.addEventListener("alerts:word", urgent);
  document.addEventListener("truth:cut", cut);
  if (wanted()) arm(); // works where the browser trusts this site already
  show();
}

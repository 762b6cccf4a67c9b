// What is known, and how long ago. The beat comes every 2 s; without it nothing on the screen may be believed: amber after
// 6 s, red after 10 s, with clocks that stop. What is wrong with the platform the server judges, and the beat brings it.
import { whenFree } from "./finger.js";
import { connected, silence } from "./socket.js";

const LATE_S = 6;
const CUT_S = 10;
const zh = document.documentElement.lang.startsWith("zh");
const COLON = zh ? "：" : ": ";
const LEVELS = { cut: "bad", grave: "bad", late: "late" };
let beat = null;
let bars = "";
let state = "";
let short = "";
let said = "";

const words = () => document.getElementById("words").dataset;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "?");
const key = (code) => code.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

// Whether nothing on the screen may be believed, and in which words the title says so.
export const isCut = () => state === "cut";
export const cutWords = () => short;

function troubles() {
  const n = Math.floor(silence());
  if (n >= CUT_S) return [{ code: "cut", level: "cut", n }];
  const known = beat?.troubles ?? [];
  return n >= LATE_S ? [{ code: "late", level: "late", n }, ...known] : known;
}

function streets() {
  const { streets: named, more } = beat.gateways;
  const list = named.map((street) => `${zh ? street.zh : street.en} ${street.homes}`).join(zh ? "、" : ", ");
  return more ? list + fill(words().more, { n: more }) : list;
}

function where() {
  const broken = zh ? beat?.path.broken_zh : beat?.path.broken_en;
  return broken ? (zh ? `（${broken}）` : `(${broken})`) : "";
}

function bar({ code, level, n }) {
  const line = document.createElement("p");
  const dark = code === "dark" || code === "all_dark";
  line.className = `bar ${level === "grave" ? "cut" : level}`;
  line.dataset.code = code;
  const text = document.createElement("span");
  text.textContent = fill(words()[key(code)], { n, where: where(), streets: dark && beat?.gateways ? streets() : "" });
  line.append(text);
  if (dark) {
    const list = document.createElement("a");
    list.href = "/gateways";
    list.textContent = words().list;
    line.append(list);
  }
  return line;
}

const showBars = () => document.getElementById("truth").replaceChildren(...troubles().map(bar));

function judge() {
  if (!("pulse" in document.body.dataset)) return; // nothing on these pages changes by itself, so nothing of them is cut off
  const all = troubles();
  const lines = JSON.stringify([all, beat?.gateways?.streets]);
  if (lines !== bars) whenFree(showBars);
  bars = lines;
  document.body.classList.toggle("cut-off", silence() >= CUT_S);
  const gravest = all[0];
  short = gravest ? words()[`${key(gravest.code)}Short`] : "";
  corner(all);
  calm();
  const before = state;
  state = gravest?.level ?? "good";
  // Said once and not with every second that it lasts.
  const codes = all.map(({ code }) => code).join(" ");
  if (codes !== said) document.getElementById("truth-said").textContent = all.map(({ code }) => words()[`${key(code)}Short`]).join(zh ? "；" : ". ");
  said = codes;
  if (state !== before) document.dispatchEvent(new Event(`truth:${state}`));
}

function corner(all) {
  const button = document.getElementById("health");
  button.hidden = false;
  button.classList.remove("good", "bad", "late");
  button.classList.add(all.length ? LEVELS[all[0].level] : beat ? "good" : "late");
  const gateways = beat?.gateways ? `${beat.gateways.online}/${beat.gateways.all}` : "";
  const good = beat?.gateways ? fill(words().well, { gateways, s: Math.floor(beat.looked_s + silence()) }) : words().connecting;
  const text = all.length ? short : good;
  button.querySelector("[data-words]").textContent = text;
  button.querySelector("[data-brief]").textContent = all.length || !beat?.gateways ? text : `${gateways} · ${Math.floor(beat.looked_s + silence())} s`; // where the menu's words are long
  button.setAttribute("aria-label", `${words().health}${COLON}${text}`);
  if (document.getElementById("health-menu").matches(":popover-open")) drawer();
}

// The parts one by one, each good, bad or unknown.
function drawer() {
  const list = document.querySelector("#health-menu [data-list]");
  if (!beat) { list.replaceChildren(); return; }
  const text = words();
  const wrong = (...codes) => troubles().some(({ code }) => codes.includes(code));
  const age = (seconds) => seconds === null ? null : Math.floor(seconds + silence());
  const seen = beat.gateways;
  const lines = [
    [text.partConsole, !wrong("cut", "late"), age(0)],
    [text.partGateways, seen && seen.all ? seen.online === seen.all : null, null, seen ? `${seen.online}/${seen.all}` : ""],
    [text.partDatabase, !wrong("database", "stuck"), age(beat.looked_s)],
    [text.partBroker, beat.broker, null],
    [text.partDetection, beat.alerting_s === null ? null : !wrong("alerting"), age(beat.alerting_s)],
    [text.partDispatch, beat.dispatch_s === null ? null : !wrong("dispatch"), age(beat.dispatch_s)],
    [text.partPath, beat.path.age_s === null ? null : !beat.path.broken_en, age(beat.path.age_s), zh ? beat.path.broken_zh : beat.path.broken_en],
  ];
  list.replaceChildren(...lines.map(([name, good, seconds, more]) => {
    const line = document.createElement("li");
    const word = good === null || !connected() ? text.unknown : good ? text.good : text.bad;
    line.className = `part ${good === null || !connected() ? "unknown" : good ? "good" : "bad"}`;
    line.textContent = [`${name}${COLON}${word}`, more, seconds === null ? "" : fill(text.ago, { n: seconds })].filter(Boolean).join(" · ");
    return line;
  }));
}

// The empty state of a desk is green only while everything is known and every home is seen.
function calm() {
  const place = document.querySelector("[data-calm]");
  if (!place || !beat) return;
  const good = beat.calm && silence() < LATE_S;
  place.classList.toggle("unknown", !good);
  const text = !beat.gateways?.all || silence() >= CUT_S ? place.dataset.blind : good ? place.dataset.good : place.dataset.unknown;
  const said = fill(text, { online: beat.gateways?.online, all: beat.gateways?.all, s: Math.floor(beat.looked_s + silence()) });
  if (place.textContent !== said) place.textContent = said;
}

document.getElementById("health-menu")?.addEventListener("toggle", drawer);
document.addEventListener("live:beat", ({ detail }) => { beat = detail; judge(); });
document.addEventListener("tick", judge);
document.addEventListener("page:ready", calm);

// What is known, and how long ago. The beat comes every 2 s; without it nothing on the screen may be believed: amber after
// 6 s, red after 10 s, with clocks that stop. What the beat says of the platform is judged here, too, for every page.
import { silence } from "./socket.js";

const LATE_S = 6;
const CUT_S = 10;
const STUCK_S = 8;
let beat = null;
let shown = "";
let cut = false;

const words = () => document.getElementById("words").dataset;
const fill = (text, n) => text.replace("{n}", n);

export const isCut = () => cut;

// Each trouble: how grave ("cut" or "late"), its words for the bar, and short ones for the corner.
function troubles() {
  const age = silence();
  const text = words();
  if (age > CUT_S) return [["cut", fill(text.cut, Math.floor(age)), text.cutTitle]];
  const all = age > LATE_S ? [["late", fill(text.late, Math.floor(age)), text.lateShort]] : [];
  if (!beat) return all;
  if (beat.looked_s !== null && beat.looked_s + age > STUCK_S) all.push(["cut", fill(text.stuck, Math.floor(beat.looked_s + age)), text.databaseShort]);
  else if (!beat.database) all.push(["cut", text.database, text.databaseShort]);
  if (!beat.broker) all.push(["late", text.broker, text.brokerShort]);
  return all;
}

function bar([level, text]) {
  const line = document.createElement("p");
  line.className = `bar ${level}`;
  line.textContent = text;
  return line;
}

export function judge() {
  const all = troubles();
  const now = all.some(([level]) => level === "cut");
  document.body.classList.toggle("cut-off", silence() > CUT_S);
  const state = JSON.stringify(all);
  if (state !== shown) document.getElementById("truth").replaceChildren(...all.map(bar));
  shown = state;
  corner(all);
  if (now !== cut) {
    cut = now;
    document.dispatchEvent(new Event(cut ? "truth:cut" : "truth:good"));
  }
}

function corner(all) {
  const button = document.getElementById("health");
  button.hidden = false;
  const level = all.some(([grave]) => grave === "cut") ? "bad" : all.length || !beat ? "late" : "good";
  button.classList.remove("good", "bad", "late");
  button.classList.add(level);
  const text = button.querySelector("[data-words]");
  text.textContent = all.length ? all[0][2] : beat ? words().well : words().connecting;
}

document.addEventListener("live:beat", ({ detail }) => { beat = detail; judge(); });
document.addEventListener("tick", judge);

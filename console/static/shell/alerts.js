// Open alerts as this account sees them, kept by the socket: "live:board" has all of them, "live:alert" one that changed.
// Tells "alerts:changed" after each, "alerts:new" with an alert that nobody has taken: new, or put back by a lapse, and
// "alerts:word" with one of which the family or the home told more, until somebody acts on it: she cannot be reached,
// the button was pressed again.
// One that follows another of its incident, or rests, waits for nobody: its lead speaks for it.
import { now } from "../clock.js";

const RANK = { emergency: 0, urgent: 1, attention: 2, technical: 3 };
const OPEN = ["raised", "acknowledged", "responding", "on_scene"];
const known = new Map();
let first = true;
const zh = document.documentElement.lang.startsWith("zh");

const pick = (chinese, english) => (zh ? chinese : english) || chinese || english || "";
const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));

export const who = (alert) => pick(alert.resident_zh, alert.resident_en) || alert.household_code || "";
export const hasWord = (alert) => Boolean(alert.word_us) && !alert.merged_into;
export const word = (alert) => pick(alert.word_zh, alert.word_en);
export const get = (id) => known.get(id);
export const where = (alert) => pick(`${alert.area_zh} ${alert.address_zh}`, `${alert.address_en}, ${alert.area_en}`);
export const what = (alert) => pick(alert.headline_zh, alert.headline_en) || pick(alert.reason_zh, alert.reason_en);

// What follows a lead that is not known here speaks for itself.
const stands = (alert) => !known.has(alert.merged_into) && !(alert.snoozed_us && alert.snoozed_us / 1000 > now());

// Those that nobody has taken, the gravest first, then the newest.
export function raised() {
  const waiting = [...known.values()].filter((alert) => alert.state === "raised" && stands(alert));
  return waiting.sort((a, b) => RANK[a.severity] - RANK[b.severity] || b.onset_us - a.onset_us);
}

export const withWord = () => [...known.values()].filter(hasWord);

// Those that call for somebody of this desk: not taken yet, or with a word on which nobody has acted.
export function ofPeople() {
  const waiting = raised().filter((alert) => alert.severity !== "technical");
  return [...waiting, ...withWord().filter((alert) => alert.state !== "raised")];
}

function take(alert) {
  const before = known.get(alert.id);
  if (before && before.version > alert.version) return null;
  if (OPEN.includes(alert.state)) known.set(alert.id, alert); else known.delete(alert.id);
  if (alert.state !== "raised" || !stands(alert)) return null;
  if (!before) return { alert, lapsed: false };
  const graver = RANK[alert.severity] < RANK[before.severity];
  return before.state !== "raised" || graver ? { alert, lapsed: before.state !== "raised" } : null;
}

// Whether an alert has a word that it had not before.
const newWord = (alert) => hasWord(alert) && !(known.get(alert.id)?.word_us >= alert.word_us);

document.addEventListener("live:board", ({ detail }) => {
  const words = first ? [] : detail.alerts.filter(newWord);
  const present = new Set(detail.alerts.map((alert) => alert.id));
  for (const id of known.keys()) if (!present.has(id)) known.delete(id);
  const news = detail.alerts.map(take).filter(Boolean);
  if (!first) news.filter(({ alert }) => stands(alert)).forEach((one) => tell("alerts:new", one));
  first = false;
  words.forEach((alert) => tell("alerts:word", { alert }));
  tell("alerts:changed");
});

document.addEventListener("live:alert", ({ detail }) => {
  const word = newWord(detail.alert);
  const news = take(detail.alert);
  if (news) tell("alerts:new", news);
  if (word) tell("alerts:word", { alert: detail.alert });
  tell("alerts:changed");
});

// Today's assessments on this device: what the form needs to open in a flat without a line, and no more: number, version,
// name, reason, answers so far. Kept for the working day, by account; forgotten at logout, when another account logs in,
// and once everything of an assessment is filled in and the platform has it.
const PREFIX = "assessment-day ";
const HOURS_MS = 12 * 3600 * 1000;
export const WORKER = "/assessment-worker.js";
export const SCOPE = "/care/assessments";

// {at, list: [{number, version, zh, en, reason, fields: {…}}]} of an account; what is older than a day's work is gone.
export function day(account) {
  for (const key of Object.keys(localStorage).filter((one) => one.startsWith(PREFIX))) {
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(key)); } catch { /* not ours */ }
    if (!kept?.at || kept.at + HOURS_MS < Date.now()) localStorage.removeItem(key);
  }
  return JSON.parse(localStorage.getItem(PREFIX + account) ?? "null");
}

export function put(account, list) {
  if (list.length) localStorage.setItem(PREFIX + account, JSON.stringify({ at: Date.now(), list }));
  else localStorage.removeItem(PREFIX + account);
}

// The platform has a draft as it is now: kept on with its new version, or forgotten where nothing is open any more.
export function synced(account, number, version, fields, whole) {
  const kept = day(account);
  const one = kept?.list.find((each) => each.number === Number(number));
  if (!one) return;
  const rest = kept.list.filter((each) => each !== one);
  const list = whole ? rest : [...rest, { ...one, version, fields }];
  if (list.length) localStorage.setItem(PREFIX + account, JSON.stringify({ at: kept.at, list }));
  else localStorage.removeItem(PREFIX + account);
}

// Everything of the day, of whoever: at logout. What nobody could save yet stays: it is nowhere else.
export async function forget(keep = "") {
  for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX) && key !== PREFIX + keep) localStorage.removeItem(key);
  if (keep || !("caches" in globalThis)) return;
  for (const name of await caches.keys()) if (name.startsWith("assessment-")) await caches.delete(name);
}

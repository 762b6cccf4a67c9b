// Presses that wait on this telephone: kept in IndexedDB until the platform has answered each one, sent in their order.
const NAME = "field";
const LATER = new Set([408, 425, 429]);
const WAIT_MS = 20000;

function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("presses", { keyPath: "number", autoIncrement: true });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function within(mode, work) {
  const db = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = db.transaction("presses", mode);
      const asked = work(transaction.objectStore("presses"));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally { db.close(); }
}

// A press: {path, action, key, pressedAt, fields: {…}, photo: Blob or null, refused: text or ""}. It has its key before
// it is sent for the first time, so that the platform knows a repetition.
export const keep = (press) => within("readwrite", (store) => store.add({ refused: "", ...press }));
export const all = () => within("readonly", (store) => store.getAll());
export const drop = (number) => within("readwrite", (store) => store.delete(number));
const change = (press) => within("readwrite", (store) => store.put(press));

function body(press) {
  const form = new FormData();
  for (const [name, value] of Object.entries(press.fields)) form.set(name, value);
  form.set("action", press.action);
  form.set("key", press.key);
  form.set("pressed_at", String(press.pressedAt));
  form.set("sent_at", String(Date.now()));
  if (press.photo) form.set("photo", press.photo, "photo.jpg");
  return form;
}

async function deliver(press) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), press.photo ? 9 * WAIT_MS : WAIT_MS);
  try {
    const answer = await fetch(press.path, {
      method: "POST", body: body(press), headers: { Accept: "application/json" }, signal: stop.signal,
    });
    if (answer.status >= 500 || LATER.has(answer.status)) return null;
    let told = {};
    try { told = await answer.json(); } catch { if (answer.ok) return null; }
    return answer.ok ? told : { result: "refused", message_zh: "", message_en: "", ...told, status: answer.status };
  } catch { return null; } finally { clearTimeout(timer); }
}

async function one(tell) {
  for (const press of await all()) {
    if (press.refused) continue;
    const answer = await deliver(press);
    if (answer === null) return false;
    if (answer.result === "refused") await change({ ...press, refused: answer });
    else await drop(press.number);
    await tell(press, answer);
  }
  return true;
}

// Send all that waits, in order; true where nothing waits any more. One tab at a time.
export async function send(tell = () => {}) {
  if (!navigator.locks) return one(tell);
  return navigator.locks.request("field-send", { ifAvailable: true }, (lock) => (lock ? one(tell) : false));
}

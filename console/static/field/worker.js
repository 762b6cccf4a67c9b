// Opens field pages without a signal, from the last look: those of links (/w/, /a/, /door/), a carer's visits and delivery
// rounds. It keeps what it has seen for twelve hours, as long as a link lives, and today's visits of a carer before they
// are opened (mine.js); the login page has it forget the pages of a session (forget.js).
import { send } from "/static/field/store.js";

const CACHE = "field-1";
const HOURS_MS = 12 * 3600 * 1000;
const WAIT_MS = 5000;
const AHEAD_MS = 30 * 60 * 1000; // a visit that was fetched ahead is fetched anew after so long
const PAGE = /^\/((w|a|door)\/[^/]+|mine|mine\/visits\/\d+|care\/meals\/rounds\/\d+)$/;
const PART = /^\/(static|styles)\//;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(forget().then(() => self.clients.claim())));

async function forget() {
  for (const name of await caches.keys()) if (name.startsWith("field-") && name !== CACHE) await caches.delete(name);
  const cache = await caches.open(CACHE);
  for (const request of await cache.keys()) {
    const kept = await cache.match(request);
    const at = Number(kept.headers.get("X-Kept-At"));
    if (at && at + HOURS_MS < Date.now()) await cache.delete(request);
  }
}

async function keep(request, answer) {
  const cache = await caches.open(CACHE);
  const url = new URL(request.url);
  if (!answer.ok || answer.redirected) { if (PAGE.test(url.pathname)) await cache.delete(url.pathname); return; }
  const headers = new Headers(answer.headers);
  if (PAGE.test(url.pathname)) headers.set("X-Kept-At", String(Date.now()));
  await cache.put(url.pathname, new Response(await answer.clone().blob(), { status: 200, headers }));
}

async function page(event) {
  const path = new URL(event.request.url).pathname;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), WAIT_MS);
  try {
    const answer = await fetch(event.request, { signal: stop.signal });
    if (answer.type !== "opaqueredirect") await keep(event.request, answer);
    return answer;
  } catch (error) {
    await forget();
    const kept = await (await caches.open(CACHE)).match(path);
    if (kept) return await dated(kept);
    throw error;
  } finally { clearTimeout(timer); }
}

// A page that is kept says of when it is: its clocks and its state are old.
async function dated(kept) {
  const text = (await kept.text()).replace("<html ", `<html data-kept-at="${Number(kept.headers.get("X-Kept-At"))}" `);
  return new Response(text, { status: 200, headers: kept.headers });
}

async function part(request) {
  const path = new URL(request.url).pathname;
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path);
  if (kept && path.startsWith("/styles/")) return kept; // another text has another address
  try {
    const answer = await fetch(request);
    await keep(request, answer);
    return answer;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (PAGE.test(url.pathname) && event.request.mode === "navigate") event.respondWith(page(event));
  else if (PART.test(url.pathname)) event.respondWith(part(event.request));
});

// The first look came before this worker: the page names what it is made of.
// Today's visits of whoever looks at their own page; those of another day go, so that no more is kept than the day needs.
async function ahead(paths) {
  const cache = await caches.open(CACHE);
  for (const request of await cache.keys()) {
    const path = new URL(request.url).pathname;
    if (/^\/mine\/visits\//.test(path) && !paths.includes(path)) await cache.delete(request);
  }
  for (const path of paths) {
    const kept = await cache.match(path);
    if (kept && Number(kept.headers.get("X-Kept-At")) + AHEAD_MS > Date.now()) continue;
    try { await keep(new Request(path), await fetch(path, { signal: AbortSignal.timeout(WAIT_MS) })); } catch { return; } // the line is away: what is kept stays
  }
}

self.addEventListener("message", (event) => {
  if (event.data?.keep) {
    event.waitUntil(Promise.all(event.data.keep.map(async (path) => {
      const cache = await caches.open(CACHE);
      if (!(await cache.match(path))) await keep(new Request(path), await fetch(path));
    })).then(() => event.data.ahead && ahead(event.data.ahead)).then(() => event.source?.postMessage({ kept: true })));
  }
});
self.addEventListener("sync", (event) => { if (event.tag === "field") event.waitUntil(send()); });

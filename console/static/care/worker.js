// Opens the forms of assessments without a line. It keeps one page, the empty form, which has nothing about anybody, and
// what that page is made of; who is to be assessed stands in day.js.
const KEPT = "assessment-__STYLES__";
const FORM = "/care/assessments-tablet";
const FILES = [FORM, "__STYLES__", "/static/icon.svg", "/static/ago.js", "/static/shell/page.js", "/static/care/day.js",
  "/static/care/tablet.js", "/static/care/assessment.js"];
const PAGE = /^\/care\/assessments(\/\d+|-today|-tablet)$/;
const WAIT_MS = 5000;

const fill = async () => (await caches.open(KEPT)).addAll(FILES);

self.addEventListener("install", (event) => event.waitUntil(fill().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("assessment-") && name !== KEPT).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

async function page(request) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), WAIT_MS);
  try { return await fetch(request, { signal: stop.signal }); } catch (error) {
    const kept = await caches.match(FORM);
    if (kept) return kept;
    throw error;
  } finally { clearTimeout(timer); }
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate") { if (PAGE.test(url.pathname)) event.respondWith(page(event.request)); }
  else if (FILES.includes(url.pathname)) event.respondWith(fetch(event.request).catch(() => caches.match(url.pathname)));
});

// Loaded for the day: the page is fetched anew, in the reader's language of now.
self.addEventListener("message", (event) => {
  if (event.data?.keep) event.waitUntil(fill().then(() => event.source?.postMessage({ kept: true }), () => event.source?.postMessage({ kept: false })));
});

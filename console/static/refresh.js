// Parts of a page that renew themselves: an element with an id and data-refresh="seconds", and of data-refresh-on="alert"
// at once when the live socket tells of one. The page is asked for again and the part put in its place. What has the
// focus keeps it; while nothing can be fetched the part stays, and its age goes on.
const SOON_MS = 400;
const LOST_MS = 10000; // a line that is gone without a word must not hold up every look to come
let timer = 0;
let asking = false;

async function renew(part) {
  if (asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(LOST_MS) });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
    if (!fresh || !part.isConnected) return;
    const held = part.contains(document.activeElement) ? document.activeElement : null;
    if (held && held.matches("input, select, textarea")) return;
    if ([...part.querySelectorAll("input, textarea")].some((field) => field.type !== "hidden" && field.value !== field.defaultValue)) return; // typed
    const href = held && held.getAttribute("href");
    const scrolled = [...part.querySelectorAll(".scroll-x")].map((one) => one.scrollLeft);
    part.replaceWith(fresh);
    fresh.querySelectorAll(".scroll-x").forEach((one, place) => { one.scrollLeft = scrolled[place] || 0; });
    if (href) [...fresh.querySelectorAll("a")].find((one) => one.getAttribute("href") === href)?.focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("page:renewed"));
  } catch {
    // the shell's bar tells that the line is away
  } finally {
    asking = false;
  }
}

const part = () => document.querySelector("[data-refresh]");

function arm() {
  clearInterval(timer);
  const here = part();
  if (here) timer = setInterval(() => { const now = part(); if (now) renew(now); }, Number(here.dataset.refresh) * 1000);
}

let soon = 0;
document.addEventListener("live:alert", () => {
  const here = part();
  if (!here || here.dataset.refreshOn !== "alert") return;
  clearTimeout(soon);
  soon = setTimeout(() => renew(here), SOON_MS);
});
document.addEventListener("page:ready", arm);
arm();

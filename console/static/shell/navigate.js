// Navigation within the shell: the next page is fetched, and its <main> and menu take the place of those that are shown,
// so that socket, sound and title live on. Links and forms need nothing for it; with data-full, another target, a
// download or an address outside the shell the browser does as always.
import { leave, ready } from "./page.js";
import { setOwn } from "./title.js";
import { send } from "./send.js";
import { toast } from "./toasts.js";

const OUTSIDE = ["/login", "/logout", "/language/", "/theme/", "/static/", "/api/", "/a/", "/w/", "/rate/", "/home/", "/family", "/mine"];
let shown = location.pathname + location.search;
let latest = 0;
let asked = null; // the page that is on its way

function inside(address) {
  const url = new URL(address, location.href);
  return url.origin === location.origin && !OUTSIDE.some((path) => url.pathname === path || url.pathname.startsWith(path));
}

export const go = (address) => inside(address) ? visit(new URL(address, location.href)) : location.assign(address);

// The last press counts: a page that was asked for before it is given up, wherever it is by then. What was sent is not;
// its answer is shown if nobody went on meanwhile, and one that says no is kept for whoever did.
async function visit(url, { method = "GET", body = null, scroll = 0, back = false } = {}) {
  latest += 1;
  const mine = latest;
  const isLast = () => mine === latest;
  asked?.abort();
  asked = method === "GET" ? new AbortController() : null;
  const signal = asked?.signal;
  document.getElementById("main").setAttribute("aria-busy", "true");
  try {
    const answer = await send(url, { method, body, headers: { Accept: "text/html" }, signal });
    const isPage = (answer.headers.get("content-type") ?? "").startsWith("text/html");
    const text = isPage ? await answer.text() : "";
    if (!isLast() && (method === "GET" || answer.ok || !isPage)) return;
    if (!isPage) { location.assign(answer.url); return; }
    const next = new DOMParser().parseFromString(text, "text/html");
    const failed = !answer.ok && !next.body.dataset.shell;
    if (next.body.dataset.shell !== document.body.dataset.shell && !failed) { location.assign(answer.url + url.hash); return; }
    const landed = new URL(answer.url);
    const address = landed.pathname + landed.search + (method === "GET" ? url.hash : "");
    const moves = !back && (method === "GET" || answer.redirected);
    const show = async (still) => {
      if (!await put(next, still, () => { if (moves) remember(address); })) return;
      shown = location.pathname + location.search;
      settle(scroll, url.hash);
    };
    if (isLast()) await show(isLast); else refused(show);
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    if (isLast()) document.getElementById("main").removeAttribute("aria-busy");
  }
}

// The answer to a form that was not accepted, when its page has gone: the fields are in it, and one press brings it back.
function refused(show) {
  const { dataset } = document.getElementById("words");
  const open = document.createElement("button");
  open.type = "button";
  open.className = "primary";
  open.textContent = dataset.open;
  const line = toast("late", dataset.refused, [open]);
  open.addEventListener("click", () => {
    line.remove();
    latest += 1;
    const mine = latest;
    asked?.abort();
    show(() => mine === latest);
  });
}

function remember(address) {
  history.replaceState({ ...history.state, scroll: window.scrollY }, "");
  if (address === location.pathname + location.search + location.hash) return;
  history.pushState({ shell: true }, "", address);
}

// False: somebody went on while its styles and scripts came, and it is not shown.
async function put(next, still, arrive) {
  leave();
  await Promise.all([...next.head.querySelectorAll("link[rel=stylesheet], script[src]")].map(load));
  if (!still()) return false;
  arrive();
  document.getElementById("main").replaceWith(document.adoptNode(next.getElementById("main")));
  for (const id of ["menu", "tools"]) {
    const [old, fresh] = [document.getElementById(id), next.getElementById(id)];
    if (old && fresh) old.replaceWith(document.adoptNode(fresh));
  }
  document.body.className = `${next.body.className} ${document.body.classList.contains("cut-off") ? "cut-off" : ""}`.trim();
  setOwn(next.title);
  window.htmx?.process(document.body);
  ready();
  return true;
}

// What the next page's head asks for, each once; modules run then, and their page:ready comes after.
function load(part) {
  const name = part.src ? "src" : "href";
  const address = part.getAttribute(name);
  if (document.head.querySelector(`[${name}="${CSS.escape(address)}"]`)) return null;
  const fresh = document.createElement(part.tagName);
  for (const { name: key, value } of part.attributes) fresh.setAttribute(key, value);
  fresh.async = false;
  return new Promise((resolve) => {
    fresh.onload = fresh.onerror = resolve;
    document.head.append(fresh);
  });
}

function settle(scroll, hash) {
  const main = document.getElementById("main");
  const target = hash.length > 1 ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
  if (target) target.scrollIntoView(); else window.scrollTo(0, scroll);
  const wrong = main.querySelector("[aria-invalid=true]");
  for (let fold = wrong?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  wrong?.scrollIntoView({ block: "center" });
  (wrong ?? main.querySelector("[autofocus]") ?? main).focus({ preventScroll: true });
  document.getElementById("said").textContent = main.querySelector("h1")?.textContent ?? "";
}

function clicked(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.target && link.target !== "_self" || link.hasAttribute("download") || "full" in link.dataset || !inside(link.href)) return;
  const url = new URL(link.href);
  if (url.pathname + url.search === location.pathname + location.search && url.hash) return;
  event.preventDefault();
  visit(url);
}

async function submitted(event) {
  const form = event.target;
  const button = event.submitter;
  const method = (button?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get").toUpperCase();
  if (event.defaultPrevented || "full" in form.dataset || method === "DIALOG") return;
  const url = new URL(button?.getAttribute("formaction") ?? form.getAttribute("action") ?? location.href, location.href);
  if (!inside(url)) return;
  event.preventDefault();
  const main = document.getElementById("main");
  // Sent already, and not answered yet; nor is another form of the page sent, which counts on how things were before.
  if (form.getAttribute("aria-busy") === "true" || method !== "GET" && "sending" in main.dataset) return;
  const fields = new FormData(form, button?.name ? button : null);
  form.setAttribute("aria-busy", "true");
  try {
    if (method === "GET") {
      url.search = new URLSearchParams(fields).toString();
      await visit(url);
    } else {
      main.dataset.sending = "";
      const body = form.enctype === "multipart/form-data" ? fields : new URLSearchParams(fields);
      await visit(url, { method, body });
    }
  } finally {
    if (method !== "GET") delete main.dataset.sending;
    form.removeAttribute("aria-busy");
  }
}

export function start() {
  history.scrollRestoration = "manual";
  // On the window: a page's own handlers, on the document, come first.
  window.addEventListener("click", clicked);
  window.addEventListener("submit", submitted);
  window.addEventListener("popstate", (event) => {
    // A page may go back and forward within itself: it says so by preventing this.
    if (!document.dispatchEvent(new Event("page:pop", { cancelable: true }))) return;
    if (location.pathname + location.search === shown) return;
    visit(new URL(location.href), { back: true, scroll: event.state?.scroll ?? 0 });
  });
}

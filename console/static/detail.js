// The open alert, beside the queue or alone: opened without leaving the queue, refreshed part by part (elements with
// data-part), steps sent in place. A field in which somebody types belongs to no part: nothing typed is ever lost.
import { begin, calling } from "./calls.js";
import { dirty, restore, stash } from "./drafts.js";
import { filters, mark, queue, refresh as refreshQueue } from "./queue.js";
import { get, what, where, who } from "./shell/alerts.js";
import { pressed } from "./shell/finger.js";
import { go } from "./shell/navigate.js";
import { send as deliver } from "./shell/send.js";
import { toLogin } from "./shell/socket.js";
import { setOwn } from "./shell/title.js";
import { tickAll } from "./ticks.js";

const EVERY_MS = 3000;
const LOST_MS = 10000; // a line that is gone without a word must not hold up every look to come
const shown = new Map(); // part -> the server's text of it
let looking = false;
let tab = "why";
let opening = ""; // the alert that was asked for and has not come: what is shown meanwhile is another one

export const isOpening = () => opening !== "";
export const article = () => document.getElementById("alert");
const brand = () => document.getElementById("words").dataset.brand;
const pane = () => document.getElementById("detail");
const parse = (text) => new DOMParser().parseFromString(text, "text/html").getElementById("alert");
const forms = () => [...document.querySelectorAll("#detail [data-form]")];

const words = (part) => part.outerHTML.replace(/name="version" value="\d+"/g, "");

function remember(root) {
  shown.clear();
  for (const one of root.querySelectorAll("[data-part]")) shown.set(one.id, words(one));
}

function setUp() {
  const alert = article();
  begin();
  mark(alert?.dataset.alert);
  if (!alert) return;
  chooseTab(document.getElementById(`tab-${tab}`) ? tab : "why");
  fit();
  tickAll();
  document.dispatchEvent(new Event("part:ready"));
  if (document.body.dataset.shell) setOwn(`${alert.dataset.title} · ${brand()}`);
  candidates();
  if (restore(alert.dataset.alert, forms())) { fit(); panels(); }
}

const keep = () => { if (article()) stash(article().dataset.alert, forms()); };

// While another alert is on its way nothing can be pressed on the one that is still shown.
function expect(id) {
  opening = id;
  if (!pane()) return;
  pane().inert = id !== "";
  if (id) pane().setAttribute("aria-busy", "true"); else pane().removeAttribute("aria-busy");
}

export async function candidates() {
  const place = document.getElementById("candidates");
  if (!place) return;
  const answer = await fetch(place.dataset.url).catch(() => null);
  if (answer?.ok && !answer.redirected && place.isConnected) place.innerHTML = await answer.text();
}

export async function open(id, { push = true, focus = true } = {}) {
  const address = new URLSearchParams(filters());
  address.set("a", id);
  if (!pane() || !queue()) { go(`/?a=${id}`); return; }
  if (push) history.pushState({ desk: true }, "", `/?${address}`);
  mark(id);
  document.dispatchEvent(new Event("desk:opening"));
  expect(id === article()?.dataset.alert ? "" : id);
  try { await put(id, focus); } finally { if (opening === id) expect(""); }
  document.dispatchEvent(new Event("desk:opened"));
}

async function put(id, focus) {
  const slow = setTimeout(() => { if (opening === id) bare(id); }, EVERY_MS);
  const answer = await fetch(`/alerts/${id}/detail`, { headers: { "X-In-Place": "1" }, signal: AbortSignal.timeout(LOST_MS) }).catch(() => null);
  clearTimeout(slow);
  if (new URLSearchParams(location.search).get("a") !== id) return; // another was opened meanwhile
  if (answer?.redirected) { toLogin(); return; }
  if (!answer?.ok && answer?.status !== 404) {
    bare(id);
    setTimeout(() => { if (new URLSearchParams(location.search).get("a") === id && !article()) open(id, { push: false }); }, EVERY_MS);
    return;
  }
  const text = await answer.text();
  if (new URLSearchParams(location.search).get("a") !== id) return; // another was opened meanwhile
  const found = parse(text);
  if (!found) { go(`/?a=${id}`); return; }
  keep();
  pane().replaceChildren(found);
  remember(found);
  pane().scrollTop = 0;
  document.getElementById("desk").classList.add("desk-open");
  setUp();
  expect("");
  if (focus) found.querySelector("h1")?.focus({ preventScroll: true });
}

// While the console or its database says nothing: what this page has heard itself, whom to call and where.
function bare(id) {
  const known = get(id);
  const place = document.createElement("div");
  place.className = "desk-empty";
  const line = (tag, text, kind = "") => {
    const part = document.createElement(tag);
    part.className = kind;
    part.textContent = text;
    place.append(part);
    return part;
  };
  if (known) {
    line("h1", [who(known), known.resident_age, known.lives_alone ? pane().dataset.alone : ""].filter(Boolean).join(" "));
    line("p", what(known));
    line("p", where(known));
    if (known.phone) line("a", known.phone, "button primary num").href = `tel:${known.phone}`;
  }
  line("p", pane().dataset.failed, "notice bad");
  keep();
  expect("");
  pane().replaceChildren(place);
  document.getElementById("desk").classList.add("desk-open");
}

export function close(push = true) {
  if (!queue()) { go("/"); return; }
  const id = article()?.dataset.alert;
  if (push) history.pushState({ desk: true }, "", `/?${filters()}`);
  document.getElementById("desk").classList.remove("desk-open");
  keep();
  pane().replaceChildren();
  expect("");
  begin();
  mark("");
  if (document.body.dataset.shell) setOwn(`${pane().dataset.title} · ${brand()}`);
  document.querySelector(`#queue a[data-id="${id}"]`)?.focus({ preventScroll: true });
}

// Put what the server says now into the page. `mine`: the form that was sent, whose text is done with.
function apply(text, mine = null) {
  const next = parse(text);
  const old = article();
  if (!next || !old || next.dataset.alert !== old.dataset.alert) return;
  if (Number(next.dataset.version) < Number(old.dataset.version)) return; // an answer that was overtaken
  const busy = forms().filter((form) => form !== mine && dirty(form));
  const ends = next.dataset.closed !== old.dataset.closed;
  if (ends && !busy.length && !(calling() && !next.dataset.closed)) {
    old.replaceWith(next);
    remember(next);
    setUp();
    return;
  }
  const changed = next.dataset.version !== old.dataset.version;
  for (const part of next.querySelectorAll("[data-part]")) {
    const here = document.getElementById(part.id);
    const said = words(part);
    if (!here || !("part" in here.dataset)) continue;
    if (shown.get(part.id) === said) { // what one may press stays where it is, for the alert as it is now
      for (const field of here.querySelectorAll("[name=version]")) field.value = next.dataset.version;
      continue;
    }
    shown.set(part.id, said);
    const focused = here.contains(document.activeElement) ? document.activeElement : null;
    const key = focused?.dataset.key;
    const which = focused ? [...here.querySelectorAll("a, button, summary")].indexOf(focused) : -1;
    const opened = [...here.querySelectorAll("details")].map((one) => one.open); // as many as before, in the same order
    part.querySelectorAll("details").forEach((one, place) => { one.open = opened[place] ?? false; });
    here.replaceWith(part);
    if (focused) (part.querySelector(`[data-key="${key}"]`) || part.querySelectorAll("a, button, summary")[which] || part.querySelector("button, a"))?.focus({ preventScroll: true });
  }
  // A form that nobody has opened is as the server knows it now: what was found at the door is filled in.
  for (const form of next.querySelectorAll("[data-form][hidden]")) {
    const here = document.getElementById(form.id);
    if (here?.hidden && here !== mine && !dirty(here) && words(form) !== words(here)) here.replaceWith(form);
  }
  fit();
  if (changed) {
    Object.assign(old.dataset, { version: next.dataset.version, state: next.dataset.state });
    for (const form of forms()) if (!busy.includes(form)) form.elements.version.value = next.dataset.version;
    document.getElementById("changed").hidden = !busy.length;
  }
  panels();
  tickAll();
}

export async function look() {
  const alert = article();
  if (!alert || looking || document.hidden) return;
  looking = true;
  try {
    const answer = await fetch(alert.dataset.url, { headers: { "X-In-Place": "1" }, signal: AbortSignal.timeout(LOST_MS) });
    if (!answer.ok || answer.redirected) return;
    const text = await answer.text();
    while (pressed()) await new Promise((resolve) => { setTimeout(resolve, 50); }); // nothing moves under a finger
    if (article() === alert) apply(text);
  } catch { /* the page says itself when it is blind */ } finally {
    looking = false;
  }
}

function say(text) {
  const message = document.getElementById("message");
  if (!message) return;
  message.textContent = text;
  message.hidden = !text;
  if (text) message.scrollIntoView({ block: "nearest" });
}

async function send(form, submitter) {
  const button = submitter || form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await deliver(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form, submitter || undefined)), headers: { "X-In-Place": "1" },
    });
    if (answer.redirected) { location.href = answer.url; return; }
    const text = await answer.text();
    const next = parse(text);
    if (!next) throw new Error(String(answer.status));
    if (answer.ok) {
      form.closest("details.d-more")?.removeAttribute("open"); // what was chosen there is done
      if ("form" in form.dataset) { form.reset(); form.hidden = true; }
      say("");
      apply(text, form);
    } else {
      apply(text, null);
      if (form.elements.version) form.elements.version.value = next.dataset.version; // seen now: a second press counts
      say(next.querySelector("#message").textContent);
    }
    if (form.closest("#candidates")) candidates();
    refreshQueue();
  } catch {
    say(pane().dataset.unsent);
  } finally {
    button.disabled = false;
  }
}

// Which outcome asks for which findings: the others are not sent.
function fit() {
  for (const form of document.querySelectorAll("#panel-r")) {
    const outcome = form.elements.outcome?.value || "";
    for (const field of form.querySelectorAll("[data-fits]")) {
      const fits = field.dataset.fits.split(" ").includes(outcome);
      field.hidden = !fits;
      for (const input of field.querySelectorAll("input, select")) input.disabled = !fits;
    }
  }
}

function panels() {
  for (const key of ["n", "r", "m", "o", "s"]) {
    const panel = document.getElementById(`panel-${key}`);
    for (const button of document.querySelectorAll(`#p-actions [data-key="${key}"]`)) {
      if (panel) button.setAttribute("aria-expanded", String(!panel.hidden));
    }
  }
}

export function show(key, wanted = null) {
  const panel = document.getElementById(`panel-${key}`);
  if (!panel) return false;
  panel.hidden = wanted === null ? !panel.hidden : !wanted;
  panels();
  if (!panel.hidden) {
    panel.scrollIntoView({ block: "nearest" });
    panel.querySelector("textarea, input:not([type=hidden]), select")?.focus();
  }
  return true;
}

export function file(wanted = null) {
  const alert = article();
  if (!alert) return;
  const on = wanted === null ? !alert.classList.contains("d-file-open") : wanted;
  alert.classList.toggle("d-file-open", on);
  document.querySelector(".d-file-button")?.setAttribute("aria-expanded", String(on));
  if (on) document.querySelector("#file button, #file a")?.focus({ preventScroll: true });
}

async function chooseTab(name, focus = false) {
  tab = name;
  for (const button of document.querySelectorAll("#detail [role=tab]")) {
    const on = button.id === `tab-${name}`;
    button.setAttribute("aria-selected", String(on));
    button.tabIndex = on ? 0 : -1;
    const panel = document.getElementById(button.getAttribute("aria-controls"));
    panel.hidden = !on;
    if (on && focus) button.focus();
    if (on && panel.dataset.url && !panel.dataset.loaded) {
      panel.dataset.loaded = "1";
      const answer = await fetch(panel.dataset.url).catch(() => null);
      if (answer?.ok && !answer.redirected) {
        panel.innerHTML = await answer.text();
        document.dispatchEvent(new Event("part:ready"));
      }
    }
  }
}

// The alert to which a link leads, wherever it stands on the desk: it opens beside the queue.
function idOf(link) {
  if (!link || "full" in link.dataset) return null;
  const url = new URL(link.href, location.href);
  if (url.origin !== location.origin) return null;
  if (url.pathname === "/") return url.searchParams.get("a");
  return /^\/alerts\/([0-9a-f-]{36})$/.exec(url.pathname)?.[1] ?? null;
}

document.addEventListener("click", (event) => {
  const target = event.target;
  const id = queue() && idOf(target.closest("a[href]"));
  if (id && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(id);
    return;
  }
  if (!pane()?.contains(target)) return;
  if (target.closest("[data-back]") && queue()) { event.preventDefault(); close(); }
  if (target.closest("[data-shut]")) { target.closest("[data-form]").hidden = true; panels(); }
  if (target.closest("[data-shut-file]")) file(false);
  if (target.closest(".d-file-button")) file();
  const chosen = target.closest("[role=tab]");
  if (chosen) chooseTab(chosen.id.slice(4));
  const button = target.closest("#p-actions button[type=button][data-key]");
  if (button) document.dispatchEvent(new CustomEvent("desk:key", { detail: button.dataset.key }));
});
document.addEventListener("keydown", (event) => {
  const here = event.target.closest?.("#detail [role=tab]");
  if (!here || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const tabs = [...here.parentElement.querySelectorAll("[role=tab]")];
  const to = tabs[(tabs.indexOf(here) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
  chooseTab(to.id.slice(4), true);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("#detail form");
  if (!form) return;
  if ("step" in form.dataset) {
    event.preventDefault();
    send(form, event.submitter);
  } else if (form.action.endsWith("/medical-note")) {
    event.preventDefault();
    medical(form);
  }
});
document.addEventListener("change", (event) => { if (event.target.closest("#panel-r")) fit(); });

async function medical(form) {
  const answer = await fetch(form.action, { method: "POST", headers: { "X-In-Place": "1" } }).catch(() => null);
  const next = answer?.ok ? parse(await answer.text()) : null;
  const found = next?.querySelector("#p-file");
  if (!found) { say(pane().dataset.unsent); return; }
  document.getElementById("p-file").replaceWith(found);
  delete found.dataset.part; // the note stays in view
}

// Back and forward within the desk change what is open, and nothing else; the shell does the rest.
document.addEventListener("page:pop", (event) => {
  if (!queue() || location.pathname !== "/") return;
  event.preventDefault();
  const id = new URLSearchParams(location.search).get("a");
  if (id) { if (id !== article()?.dataset.alert) open(id, { push: false, focus: false }); } else if (article()) close(false);
  refreshQueue();
});
// On paper it is day.
const sheet = document.documentElement;
window.addEventListener("beforeprint", () => { sheet.dataset.before = sheet.dataset.theme; sheet.dataset.theme = "light"; });
window.addEventListener("afterprint", () => { sheet.dataset.theme = sheet.dataset.before; });
document.addEventListener("live:alert", (event) => { if (event.detail?.alert?.id === article()?.dataset.alert) look(); });
document.addEventListener("alert:look", look);
document.addEventListener("ran-out", look);
setInterval(() => { if (article() && !article().dataset.closed) look(); }, EVERY_MS);

document.addEventListener("page:leave", keep);
window.addEventListener("pagehide", keep);

export function start() {
  if (!pane()) return;
  if (article()) remember(article());
  setUp();
}

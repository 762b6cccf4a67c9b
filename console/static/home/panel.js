// The panel in a home. A hold of two seconds acts; a call for help is sent until it is heard, and heard is only what an
// alert of detection shows. Whatever is lost is said in large letters: this page never looks fine by itself.
const HOLD_MS = 2000;
const ASK_MS = 3000;
const GIVE_UP_MS = 5000;
const LOST_MS = 10000;
const AGAIN_MS = 3000;
const ECHO_MS = 15000; // sent, and no alert yet: it may not have arrived
const FINE_MS = 10000;
const body = document.body;
const base = `/home/${body.dataset.token}`;
const part = (id) => document.getElementById(id);
const said = part("said");
const zh = document.documentElement.lang.startsWith("zh");
let server = Number(document.documentElement.dataset.now) - Date.now();
let heardAt = Date.now();
let visitsOf = ""; // the day of which the visits are
let hears = true;
let call = null; // {id, at_ms, sentAt, startedAt, known, second}: at_ms of a press on this page, second: while help comes

// A press of this page is heard when the platform names a call that is not older.
const NEAR_MS = 2000;
const isHeard = () => !call.at_ms || Boolean(call.known && call.known.heard_ms >= call.at_ms - NEAR_MS);
let spoken = "";
let shownUntil = 0;

export function speak(words) {
  if (!words || words === spoken || !("speechSynthesis" in window)) return;
  spoken = words;
  const voice = new SpeechSynthesisUtterance(words);
  voice.lang = body.dataset.speech;
  voice.rate = 0.9;
  speechSynthesis.cancel();
  speechSynthesis.speak(voice);
}

const isCut = () => Math.abs(Date.now() - heardAt) > LOST_MS; // a clock that was set back makes nothing fresh

function show(state, words, { numbers = false, fine = false, back = false, again = false } = {}) {
  body.dataset.state = state;
  part("calm").hidden = true;
  said.hidden = false;
  if (part("words").textContent !== words) part("words").textContent = words;
  part("numbers").hidden = !numbers;
  part("fine").hidden = !fine;
  part("again").hidden = !again;
  part("back").hidden = !back;
  speak(words);
}

function calm() {
  body.dataset.state = "calm";
  part("calm").hidden = false;
  said.hidden = true;
  spoken = "";
  call = null;
}

async function send() {
  const mine = call;
  if (!mine || !mine.at_ms || mine.sentAt) return; // not "known": that may be an older emergency of this home
  try {
    const answer = await fetch(`${base}/press`, {
      method: "POST", headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(GIVE_UP_MS),
      body: JSON.stringify({ id: mine.id, at_ms: mine.at_ms }),
    });
    if (call !== mine) return;
    if (!answer.ok) throw new Error(String(answer.status));
    mine.sentAt = Date.now();
    mine.failed = false;
    ask();
  } catch {
    if (call !== mine) return;
    mine.failed = true;
    setTimeout(send, AGAIN_MS); // the same press: heard twice it is one call
  }
  render();
}

function uuid() { // also where the page came by plain http, and randomUUID is not there
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 15) | 64;
  b[8] = (b[8] & 63) | 128;
  const h = [...b].map((n) => n.toString(16).padStart(2, "0")).join("");
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`;
}

function help() {
  call = {
    id: uuid(), at_ms: Date.now() + server, startedAt: Date.now(), sentAt: 0, failed: false, known: null, second: Boolean(call?.known),
  };
  render();
  send();
}

function render() {
  if (!call) return;
  const since = Date.now() - call.startedAt;
  const fine = since < FINE_MS && !call.second && (!call.known || call.known.state === "raised") && !call.failed;
  const held = call.known && call.known.state !== "raised";
  // Whoever has come may have gone again, or it was about somebody else: help can be called once more. That an older
  // call is under way says nothing of this one.
  if (call.known && isHeard()) {
    const parts = [isCut() ? said.dataset.was : "", call.second ? said.dataset.again : "", call.known.words];
    const words = parts.filter(Boolean).join(zh ? "" : " ");
    show(call.known.state, words, { fine, numbers: !held, again: held });
  } else if (call.failed) show("failed", said.dataset.failed, { numbers: true });
  else if (!call.sentAt) show("sending", said.dataset.sending, { fine, numbers: since > GIVE_UP_MS });
  else if (Date.now() - call.sentAt > ECHO_MS) show("failed", said.dataset.unheard, { numbers: true });
  else show("sent", said.dataset.sent, { fine });
  part("left").textContent = fine ? String(Math.ceil((FINE_MS - since) / 1000)) : "";
}

async function takeBack() {
  const mine = call;
  for (let tries = 0; tries < 4 && call === mine; tries += 1) {
    try {
      const answer = await fetch(`${base}/cancel`, { method: "POST", signal: AbortSignal.timeout(GIVE_UP_MS) });
      if (answer.ok && (await answer.json()).cancelled) {
        call = null;
        shownUntil = Date.now() + 5000;
        show("cancelled", said.dataset.cancelled, { back: true });
        return;
      }
    } catch { /* again */ }
    await new Promise((done) => { setTimeout(done, 1500); });
  }
  if (call !== mine) return;
  shownUntil = Date.now() + 8000;
  show("not-cancelled", said.dataset.notCancelled, { numbers: true });
}

async function ask() {
  try {
    const answer = await fetch(`${base}/now`, { signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" });
    if (answer.status === 410) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    const state = await answer.json();
    heardAt = Date.now();
    hears = state.hears;
    server = state.now_ms - Date.now(); // either clock may have been set since
    if (state.visits) {
      visitsOf = today();
      part("visits").replaceChildren(...state.visits.map((visit) => {
        const line = document.createElement("p");
        line.textContent = `${zh ? "今天" : "Today"} ${visit}`;
        return line;
      }));
    }
    if (body.dataset.bare && state.visits && !call) { location.reload(); return; } // names and numbers are there again
    if (state.help) { // also one that began at the bed or the pendant
      if (!call) call = { startedAt: 0, sentAt: Date.now(), known: state.help };
      call.known = state.help;
      if (Date.now() > shownUntil) render();
    } else if (call && call.known) {
      if (isHeard()) calm(); // it was there, and is closed
      else call.known = null; // an older one is closed; this press is under way
    }
  } catch { /* the age says it */ }
  tick();
}

const today = () => new Date(Date.now() + server).toLocaleDateString("en-GB", { timeZone: "Asia/Shanghai" });

function tick() {
  const now = new Date(Date.now() + server);
  part("clock").textContent = now.toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hour12: false });
  const form = zh ? { month: "long", day: "numeric", weekday: "long" } : { weekday: "long", day: "numeric", month: "long" };
  part("day").textContent = now.toLocaleDateString(zh ? "zh-CN" : "en-GB", { timeZone: "Asia/Shanghai", ...form });
  if (visitsOf && visitsOf !== today()) part("visits").replaceChildren(); // those of yesterday
  const lost = isCut() || !hears;
  part("lost").hidden = !lost;
  body.classList.toggle("elder-cut", lost);
  if (lost && body.dataset.state === "calm") speak(part("lost").textContent.trim());
  if (Date.now() > shownUntil) {
    if (body.dataset.state === "cancelled") calm();
    else render();
  }
}

for (const button of document.querySelectorAll(".elder-hold")) {
  let timer = 0;
  const act = () => {
    stop();
    if (button.dataset.act === "help") { help(); return; }
    shownUntil = Date.now() + 20000;
    show("calling", `${said.dataset.calling.replace("{who}", button.dataset.who)} ${button.dataset.phone}`, { back: true });
    location.href = `tel:${button.dataset.phone}`;
  };
  const begin = () => {
    if (timer) return;
    button.classList.add("holding");
    timer = setTimeout(act, HOLD_MS);
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    button.classList.remove("holding");
  };
  button.addEventListener("pointerdown", (event) => { if (event.button === 0) begin(); });
  for (const end of ["pointerup", "pointerleave", "pointercancel", "blur"]) button.addEventListener(end, stop);
  button.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && !event.repeat) { event.preventDefault(); begin(); }
  });
  button.addEventListener("keyup", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); stop(); }
  });
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}
part("fine").addEventListener("click", takeBack);
part("back").addEventListener("click", () => { shownUntil = 0; calm(); });
visitsOf = today();
setInterval(ask, ASK_MS);
setInterval(tick, 500);
ask();

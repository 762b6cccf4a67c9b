// Services on the panel: two taps ask for one, and what comes of it is shown and spoken. The call for help is panel.js;
// whenever it has something to say, this part is not to be seen.
import { speak } from "./panel.js";

const ASK_MS = 20000;
const GIVE_UP_MS = 8000;
const BACK_MS = 60000; // nobody stands there any more
const body = document.body;
const address = `/home/${body.dataset.token}/services`;
const part = (id) => document.getElementById(id);
let whom = document.querySelector("[data-resident]")?.dataset.resident ?? "";
let back = 0;
let busy = false;
let asked = 0; // the request that "cancel it" takes back

function screen(name) { // "ask" and "told"; whatever the call for help shows comes first
  if (!["calm", "ask", "told"].includes(body.dataset.state)) return;
  body.dataset.state = name;
  clearTimeout(back);
  if (name !== "calm") back = setTimeout(() => screen("calm"), BACK_MS);
}

function told(words, { undo = 0 } = {}) {
  asked = undo;
  part("told-words").textContent = words;
  part("undo").hidden = !undo;
  screen("told");
  speak(words);
}

function line(words) {
  const one = document.createElement("p");
  one.textContent = words;
  return one;
}

function render(state) {
  const today = document.documentElement.lang.startsWith("zh") ? "今天" : "Today";
  part("coming").replaceChildren(...state.visits.map((visit) => line(`${today} ${visit}`)));
  part("helped").hidden = !state.helped;
  part("code").hidden = !state.code;
  part("digits").textContent = state.code;
  part("rate").hidden = !state.rate;
  if (state.rate) {
    part("question").textContent = state.rate.words;
    part("rate").dataset.order = state.rate.order;
  }
  part("cards").replaceChildren(...state.cards.map((card) => {
    const row = document.createElement("div");
    row.append(line(card.words));
    if (card.cancel) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = part("cards").dataset.cancel;
      button.setAttribute("aria-label", `${button.textContent} ${card.words}`);
      button.addEventListener("click", () => wish({ act: card.act, number: card.id }));
      row.append(button);
    }
    return row;
  }));
}

// The canteen's sets, in place of the needs: one press orders it. Beside them stands that somebody shall cook at home.
function choose(menu) {
  const sets = menu.map((one) => {
    const button = document.createElement("button");
    const [when, what, own] = ["span", "span", "small"].map((name) => document.createElement(name));
    button.type = "button";
    when.textContent = one.when;
    what.textContent = one.words;
    own.textContent = one.own;
    button.append(when, what, own);
    button.addEventListener("click", () => wish({ act: "meal", number: one.offer, resident: whom }));
    return button;
  });
  part("sets").replaceChildren(...sets);
  asking(true);
  screen("ask");
  speak(part("menu").dataset.say);
}

function asking(meal) {
  part("menu").hidden = !meal;
  part("needs").hidden = meal;
}

async function wish(what) {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch(address, {
      method: "POST", headers: { "Content-Type": "application/json" }, signal: AbortSignal.timeout(GIVE_UP_MS),
      body: JSON.stringify(what),
    });
    const state = await answer.json();
    if (!("said" in state)) throw new Error(String(answer.status));
    render(state);
    if (state.menu?.length) choose(state.menu);
    else if (state.said) told(state.said, { undo: state.asked });
    else screen("calm");
  } catch { told(part("told").dataset.failed); } finally { busy = false; }
}

async function ask() {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(GIVE_UP_MS), cache: "no-store" });
    if (answer.ok && !busy) render(await answer.json());
  } catch { /* panel.js says that the line is lost, and hides this part */ }
}

if (part("ask")) {
  part("need").addEventListener("click", () => { asking(false); screen("ask"); });
  part("cook").addEventListener("click", () => wish({ act: "ask", need: "meal", resident: whom, cook: true }));
  for (const button of document.querySelectorAll("[data-calm]")) button.addEventListener("click", () => screen("calm"));
  for (const button of document.querySelectorAll("[data-need]")) {
    button.addEventListener("click", () => wish({ act: "ask", need: button.dataset.need, resident: whom }));
  }
  for (const button of document.querySelectorAll("[data-resident]")) {
    button.addEventListener("click", () => {
      whom = button.dataset.resident;
      for (const one of document.querySelectorAll("[data-resident]")) one.setAttribute("aria-pressed", String(one === button));
    });
  }
  for (const button of document.querySelectorAll("[data-face]")) {
    button.addEventListener("click", () => wish({ act: "rate", number: Number(part("rate").dataset.order), face: button.dataset.face }));
  }
  part("undo").addEventListener("click", () => wish({ act: "take_back", number: asked }));
  setInterval(ask, ASK_MS);
  ask();
}

// Calls by telephone about the open alert: timed from the press to the end, recorded when they end. A call under way
// survives a reload of the page and a change of the alert.
import { now, span } from "./clock.js";
import { send } from "./shell/send.js";

let call = null;
let sending = false;
const panel = () => document.getElementById("calls");
const part = (name) => panel().querySelector(`[data-${name}]`);
const storageKey = () => `call ${panel().dataset.url}`;

export const calling = () => call !== null;

export function begin() {
  if (!panel()) { call = null; return; }
  call = JSON.parse(sessionStorage.getItem(storageKey()) || "null");
  show();
}

function show() {
  const open = part("open");
  open.hidden = !call;
  part("people").hidden = Boolean(call);
  if (!call) { sessionStorage.removeItem(storageKey()); return; }
  sessionStorage.setItem(storageKey(), JSON.stringify(call));
  part("name").textContent = call.name;
  part("phone").textContent = call.phone;
  part("phone").href = `tel:${call.phone}`;
  part("answered").hidden = Boolean(call.answered);
  const asks = Boolean(call.answered) && call.kind === "resident"; // how the resident sounded
  part("answers").hidden = !asks;
  for (const button of open.querySelectorAll("[data-result]:not([data-answer])")) {
    button.hidden = (button.dataset.result === "answered") !== Boolean(call.answered);
  }
  part("dismiss").hidden = Boolean(call.answered);
  run();
}

function run() {
  if (!call || !panel()) return;
  part("phase").textContent = call.answered ? panel().dataset.talking : panel().dataset.ringing;
  part("clock").textContent = span(((call.ended ?? now()) - (call.answered || call.started)) / 1000);
}

async function end(result, answer = null) {
  if (sending) return; // pressed already, and not answered yet
  sending = true;
  const [mine, place] = [call, storageKey()]; // another alert may be open when the answer comes
  call.ended ??= now(); // a second press, after an answer that failed, is the end of the same call
  show();
  const at = (ms) => new Date(ms).toISOString();
  const body = {
    kind: call.kind, key: call.key, started_at: at(call.started), ended_at: at(call.ended), result, answer,
    answered_at: call.answered ? at(call.answered) : null, note: part("open").querySelector("[name=note]").value,
  };
  part("error").hidden = true;
  try {
    const answer = await send(panel().dataset.url, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      const zh = document.documentElement.lang.startsWith("zh");
      throw new Error((zh ? said.message_zh : said.message_en) || String(answer.status));
    }
    sessionStorage.removeItem(place);
    if (call === mine) {
      part("open").querySelector("[name=note]").value = "";
      call = null;
      show();
    }
    document.dispatchEvent(new Event("alert:look"));
  } catch (error) { // the call stays here, to be recorded again
    if (call !== mine) return;
    part("error").textContent = `${panel().dataset.failed} ${error.message}`;
    part("error").hidden = false;
  } finally {
    sending = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("#calls button, #detail [data-call]");
  if (!button || !panel()) return;
  if ("call" in button.dataset) {
    if (call) return; // one at a time
    const { kind, keyOf, key, name, phone } = button.dataset;
    call = { kind, key: keyOf ?? key, name, phone, started: now() };
    show();
    (call.phone ? part("phone") : part("answered")).focus();
  } else if ("answered" in button.dataset) {
    call.answered = now();
    show();
  } else if ("dismiss" in button.dataset) {
    call = null;
    show();
  } else if (button.dataset.result) {
    end(button.dataset.result, button.dataset.answer ?? null);
  }
});
setInterval(run, 500);

// An open alert's page: fetches ladder, calls and history every two seconds and puts them in place; times calls by
// telephone and records them when they end. A call under way survives a reload of the page.
import { now, span, tick } from "./clock.js";
import { go } from "./shell/navigate.js";
import { onPage } from "./shell/page.js";

const EVERY_MS = 2000;
let seen = "";
let looking = false;

function progress() { return document.getElementById("progress"); }

async function look() {
  if (document.hidden || looking || !progress() || progress().dataset.closed) return;
  looking = true;
  try {
    await htmx.ajax("GET", progress().dataset.url, { target: "#progress", swap: "outerMorph" });
    tick();
    if (progress() && progress().dataset.version !== seen) changed();
  } finally {
    looking = false;
  }
}

// Buttons and forms belong to the version that was seen: show the new one, but say so where somebody is at work on them.
function changed() {
  const atWork = [...document.querySelectorAll("main input:not([type=hidden]), main textarea, main select")]
    .some((field) => field === document.activeElement || (field.type === "checkbox" ? field.checked : field.value && field.selectedIndex !== 0));
  if (atWork || document.querySelector("[data-open]:not([hidden])")) {
    document.getElementById("changed").hidden = false;
  } else {
    go(document.querySelector("#changed a").href);
  }
}

function timed(panel, life) {
  const part = (name) => panel.querySelector(`[data-${name}]`);
  const storageKey = `call ${panel.dataset.url}`;
  const open = part("open");
  let call = JSON.parse(sessionStorage.getItem(storageKey) || "null");

  function show() {
    open.hidden = !call;
    part("people").hidden = Boolean(call);
    if (!call) { sessionStorage.removeItem(storageKey); return; }
    sessionStorage.setItem(storageKey, JSON.stringify(call));
    part("name").textContent = call.name;
    part("phone").textContent = call.phone;
    part("phone").href = `tel:${call.phone}`;
    part("answered").hidden = Boolean(call.answered);
    for (const button of open.querySelectorAll("[data-result]")) {
      button.hidden = (button.dataset.result === "answered") !== Boolean(call.answered);
    }
    part("dismiss").hidden = Boolean(call.answered);
    run();
  }

  function run() {
    if (!call) return;
    part("phase").textContent = call.answered ? panel.dataset.talking : panel.dataset.ringing;
    part("clock").textContent = span((now() - (call.answered || call.started)) / 1000);
  }

  async function end(result) {
    const at = (ms) => new Date(ms).toISOString();
    const body = {
      kind: call.kind, key: call.key, started_at: at(call.started), ended_at: at(now()), result,
      answered_at: call.answered ? at(call.answered) : null, note: open.querySelector("[name=note]").value,
    };
    part("error").hidden = true;
    try {
      const answer = await fetch(panel.dataset.url, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
      if (!answer.ok) {
        const said = await answer.json().catch(() => ({}));
        const zh = document.documentElement.lang.startsWith("zh");
        throw new Error((zh ? said.message_zh : said.message_en) || String(answer.status));
      }
      open.querySelector("[name=note]").value = "";
      call = null;
      show();
      look();
    } catch (error) { // the call stays here, to be recorded again
      part("error").textContent = `${panel.dataset.failed} ${error.message}`;
      part("error").hidden = false;
    }
  }

  panel.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("call" in button.dataset) {
      const { kind, key, name, phone } = button.dataset;
      call = { kind, key, name, phone, started: now() };
      show();
    } else if ("answered" in button.dataset) {
      call.answered = now();
      show();
    } else if ("dismiss" in button.dataset) {
      call = null;
      show();
    } else if (button.dataset.result) {
      end(button.dataset.result);
    }
  });
  life.every(500, run);
  show();
}

onPage("#progress", (element, life) => {
  seen = element.dataset.version;
  const calls = document.getElementById("calls");
  if (calls) timed(calls, life);
  life.every(EVERY_MS, look);
  tick();
});

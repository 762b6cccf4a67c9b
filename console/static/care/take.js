// "Load onto this device": today's assessments for a flat without a line, and the worker that opens their forms.
import { day, forget, put, SCOPE, WORKER } from "/static/care/day.js";
import { onPage } from "/static/shell/page.js";

const CLOCK = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });

async function worker() {
  const found = await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
  const active = found.active ?? await new Promise((resolve) => {
    const coming = found.installing ?? found.waiting;
    coming.addEventListener("statechange", () => { if (coming.state === "activated") resolve(coming); });
  });
  return new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("message", (event) => resolve(event.data?.kept === true), { once: true });
    active.postMessage({ keep: true });
  });
}

onPage("#assessment-day", (form, life) => {
  const { account } = form.dataset;
  const status = form.querySelector("[data-status]");
  const drop = form.querySelector("[data-drop]");
  const say = (text, bad = false) => { status.textContent = text; status.className = bad ? "notice bad" : "dim"; };
  function show() {
    const kept = day(account);
    drop.hidden = !kept;
    if (kept) say(form.dataset.has.replace("%n", kept.list.length).replace("%t", CLOCK.format(kept.at)));
  }
  form.querySelector("[data-take]").hidden = false;
  life.on(form, "submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const numbers = [...form.querySelectorAll("[name=number]:checked")].map((one) => one.value);
    if (!numbers.length) { say(form.dataset.none, true); return; }
    say(form.dataset.loading);
    try {
      if (!("serviceWorker" in navigator)) throw new Error("no worker");
      const answer = await fetch(`/care/assessments-today/data?${new URLSearchParams(numbers.map((one) => ["number", one]))}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const told = await answer.json();
      if (!await worker()) throw new Error("not kept");
      put(account, told.list);
      show();
    } catch { say(form.dataset.failed, true); }
  });
  life.on(drop, "click", async () => { await forget(); drop.hidden = true; say(form.dataset.dropped); });
  forget(account);
  show();
});

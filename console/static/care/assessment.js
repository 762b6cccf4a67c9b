// The form of an assessment: one part at a time, sums at once, saved as it is filled in. Without a connection everything
// is kept on this device and saved when the line is back; where somebody else changed the draft meanwhile, both versions
// stand beside each other and the person chooses.
import { synced } from "/static/care/day.js";
import { onPage } from "/static/shell/page.js";

const PAUSE_MS = 900;
const AGAIN_MS = [2000, 4000, 8000, 15000, 30000];
const WAIT_MS = 15000;
const KEPT_MS = 14 * 24 * 3600 * 1000;
const CLOCK = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });
const PREFIX = "assessment ";

const entriesOf = (form) => [...new FormData(form)].filter(([name, value]) => name !== "seen" && name !== "act" && typeof value === "string");
const textOf = (form) => JSON.stringify(entriesOf(form));

function put(form, name, value) {
  for (const field of form.elements) {
    if (field.name !== name) continue;
    if (field.type === "radio") field.checked = field.value === value;
    else field.value = value;
  }
}

// Drafts that nobody came back to are not kept on a shared tablet for ever.
function forgetOld() {
  for (const key of Object.keys(localStorage).filter((one) => one.startsWith(PREFIX))) {
    try { if (Date.now() - JSON.parse(localStorage.getItem(key)).at > KEPT_MS) localStorage.removeItem(key); } catch { localStorage.removeItem(key); }
  }
}

onPage("#assessment-form", (form, life) => {
  const key = `${PREFIX}${form.dataset.account} ${form.dataset.number}`;
  const status = form.querySelector("[data-status]");
  const seen = form.elements.seen;
  const place = document.getElementById("assessment-conflict");
  let saved = textOf(form); // what the platform has
  let timer = 0;
  let tries = 0;
  let busy = false;
  let stopped = false; // a conflict waits for the person

  const say = (text, sort = "") => { status.textContent = text; status.className = `assess-status ${sort}`.trim(); };
  const keep = () => {
    try { localStorage.setItem(key, JSON.stringify({ base: Number(seen.value), entries: entriesOf(form), at: Date.now() })); } catch { /* no store here */ }
  };
  const drop = () => localStorage.removeItem(key);

  // parts and sums
  const parts = [...form.querySelectorAll("[data-part]")];
  const tabs = [...form.querySelectorAll("[data-tab]")];
  function show(code, scroll = true) {
    for (const part of parts) part.hidden = part.dataset.part !== code;
    for (const tab of tabs) { if (tab.dataset.tab === code) tab.setAttribute("aria-current", "true"); else tab.removeAttribute("aria-current"); }
    if (scroll) form.scrollIntoView({ block: "start" });
  }
  function count() {
    let total = 0;
    for (const part of parts) {
      const items = [...part.querySelectorAll("fieldset[data-domain]")];
      let sum = 0;
      let done = 0;
      let all = 0;
      for (const item of items) {
        const radios = item.querySelector("input[type=radio]");
        if (radios) {
          all += 1;
          const chosen = item.querySelector("input[type=radio]:checked");
          if (chosen) { done += 1; sum += Number(chosen.value) || 0; }
        } else {
          for (const input of item.querySelectorAll("input")) { all += 1; if (input.value.trim()) done += 1; }
        }
      }
      const mark = form.querySelector(`[data-done="${part.dataset.part}"]`);
      mark.textContent = done === all ? "✓" : `${done}/${all}`;
      const shown = form.querySelector(`[data-sum="${part.dataset.part}"]`);
      if (!shown) continue;
      total += sum;
      shown.textContent = sum;
      const head = form.querySelector(`[data-part-sum="${part.dataset.part}"]`);
      head.textContent = `${sum} / ${head.textContent.split("/").pop().trim()}`;
    }
    for (const shown of form.querySelectorAll("[data-total], [data-bar-total]")) shown.textContent = total;
  }

  const whole = () => parts.every((part) => form.querySelector(`[data-done="${part.dataset.part}"]`).textContent === "✓");

  // saving
  async function save() {
    clearTimeout(timer);
    if (busy || stopped) return;
    const text = textOf(form);
    if (text === saved) { drop(); tries = 0; return; }
    busy = true;
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), WAIT_MS);
    try {
      const body = new URLSearchParams([...JSON.parse(text), ["seen", seen.value]]);
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual", signal: stop.signal });
      if (answer.status >= 500 || [408, 425, 429].includes(answer.status)) throw new Error(String(answer.status));
      if (answer.type === "opaqueredirect" || answer.status === 401) { stopped = true; say(form.dataset.login, "refused"); return; }
      const told = await answer.json();
      if (answer.ok) {
        saved = text;
        seen.value = told.version;
        form.querySelector("[data-summary]").innerHTML = told.summary;
        tries = 0;
        if (textOf(form) === text) drop(); else keep();
        count();
        if (textOf(form) === text) synced(form.dataset.account, form.dataset.number, told.version, Object.fromEntries(JSON.parse(text)), whole());
        say(form.dataset.saved.replace("%", CLOCK.format(Date.now())));
      } else if (answer.status === 409 && told.panel) {
        conflict(told);
      } else {
        say(`${form.dataset.refused}: ${told.message ?? told.message_zh ?? answer.status}`, "refused");
        saved = text; // the same again is refused again
      }
    } catch {
      tries += 1;
      say(form.dataset.lost, "lost");
      form.dataset.offline = "1";
    } finally {
      clearTimeout(late);
      busy = false;
    }
    if (tries) timer = setTimeout(save, AGAIN_MS[Math.min(tries, AGAIN_MS.length) - 1]);
    else { delete form.dataset.offline; if (!stopped && textOf(form) !== saved) timer = setTimeout(save, PAUSE_MS); }
  }

  // two versions: what is in the form is ours; a press takes theirs for one line or all
  function conflict(told) {
    stopped = true;
    say(told.message, "refused");
    place.innerHTML = told.panel;
    if (!told.draft) { place.scrollIntoView({ block: "start" }); return; }
    const takes = [...place.querySelectorAll("[data-take]")];
    for (const button of takes) button.hidden = false;
    place.querySelector("[data-choices]").hidden = false;
    const take = (button) => { put(form, button.dataset.take, button.dataset.value); button.closest("tr").remove(); keep(); count(); };
    const settled = () => { stopped = false; saved = ""; seen.value = told.version; keep(); place.replaceChildren(); save(); };
    place.onclick = (event) => {
      const one = event.target.closest("[data-take]");
      if (one) { take(one); if (!place.querySelector("[data-take]")) settled(); return; }
      if (event.target.closest("[data-take-all]")) { for (const button of takes) if (button.isConnected) take(button); settled(); }
      if (event.target.closest("[data-keep]")) settled();
    };
    place.scrollIntoView({ block: "start" });
  }

  function changed() {
    keep();
    count();
    if (!form.dataset.offline && !stopped) { say(form.dataset.saving); clearTimeout(timer); timer = setTimeout(save, PAUSE_MS); }
  }

  life.on(form, "input", changed);
  life.on(form, "change", changed);
  life.on(window, "online", () => { tries = 0; save(); });
  life.on(document, "visibilitychange", () => { if (document.hidden) save(); });
  life.on(form, "click", (event) => {
    const tab = event.target.closest("[data-tab]");
    const next = event.target.closest("[data-next]");
    if (!tab && !next) return;
    event.preventDefault();
    event.stopPropagation();
    show((tab ?? next).dataset[tab ? "tab" : "next"]);
    save();
  });
  // A form cannot leave while the platform does not answer: what was filled in stays here, and is saved later.
  life.on(form, "submit", (event) => {
    if (!form.dataset.offline && !stopped && !busy) { clearTimeout(timer); drop(); return; }
    event.preventDefault();
    event.stopPropagation();
    if (busy) { const { submitter } = event; setTimeout(() => form.requestSubmit(submitter), 150); return; } // one save at a time
    if (form.dataset.offline) { tries = 1; save(); }
  });
  life.signal.addEventListener("abort", () => clearTimeout(timer));

  forgetOld();
  const first = parts.find((part) => `#${part.dataset.part}` === location.hash) ?? parts.find((part) => part.querySelector(".wrong, [aria-invalid]")) ?? parts[0];
  show(first.dataset.part, false);
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "null");
    if (kept && !place.childElementCount) {
      for (const field of form.elements) if (field.type === "radio") field.checked = false;
      for (const [name, value] of kept.entries) put(form, name, value);
      if (textOf(form) === saved) drop();
      else { seen.value = kept.base; say(form.dataset.restored); save(); }
    }
  } catch { drop(); }
  count();
});

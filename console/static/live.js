// The live board: the shell's socket reports a change, the server renders the queue, htmx morphs it in place (the keyboard
// focus stays). A new emergency or urgent alert is announced. Sound, title and clocks are the shell's.
import { onPage } from "./shell/page.js";
import { connected } from "./shell/socket.js";

const LOUD = ["emergency", "urgent"];
const WRITTEN_MS = 1500; // by then a new alert is in the database, with its ladder
const AGAIN_MS = 3000;
const zh = document.documentElement.lang.startsWith("zh");

onPage("#queue", (_queue, life) => {
  const link = document.getElementById("link");
  const announce = document.getElementById("announce");
  const path = document.getElementById("path");
  let refreshing = false;
  let again = false;
  let announced = false; // and not on the board yet
  let provedAt = path.dataset.age === "" ? null : performance.now() - 1000 * Number(path.dataset.age); // null: not known
  let brokenAt = path.dataset.broken;

  // How long ago the whole path of an emergency was proved. Without a word from the server nothing is known.
  function showPath() {
    const known = provedAt !== null && connected();
    const age = known ? Math.max(0, Math.round((performance.now() - provedAt) / 1000)) : null;
    const late = known && (age > Number(path.dataset.limit) || brokenAt !== "");
    const words = !known ? path.dataset.unknown : late ? path.dataset.lost : path.dataset.proved;
    const where = late && brokenAt ? ` · ${path.dataset.at}: ${brokenAt}` : "";
    path.textContent = words.replace("{n}", age) + where;
    path.classList.toggle("bad", late || !known);
    path.classList.toggle("notice", late);
    path.classList.toggle("dim", known && !late);
  }

  function showLink() {
    link.textContent = connected() ? link.dataset.live : link.dataset.lost;
    link.classList.toggle("notice", !connected());
    link.classList.toggle("bad", !connected());
  }

  async function refresh() {
    if (life.signal.aborted) return;
    if (refreshing) { again = true; return; }
    refreshing = true;
    try {
      // A group of many is closed unless it was opened: only groups in another state than their own go into the address.
      const details = [...document.querySelectorAll("#queue details")];
      const groups = details.filter((group) => group.open !== ("few" in group.dataset));
      const looks = new URLSearchParams(groups.map((group) => [group.open ? "opened" : "closed", group.id]));
      const answer = await fetch(`/queue?${looks}`, { signal: life.signal });
      if (answer.redirected) { location.href = "/login"; return; }
      if (!answer.ok) throw new Error(`the queue: ${answer.status}`); // what is shown stays
      announced = false;
      const text = await answer.text();
      if (life.signal.aborted) return;
      await htmx.swap({ target: "#queue", text, swap: "outerMorph", sourceElement: document.body });
      tick();
    } catch {
      setTimeout(refresh, AGAIN_MS);
    } finally {
      refreshing = false;
      if (again) { again = false; refresh(); }
    }
  }

  function changed() {
    refresh();
    setTimeout(refresh, WRITTEN_MS);
  }

  function tick() {
    showPath();
    const waiting = document.querySelector("#queue .emergency.raised, #queue .urgent.raised");
    if (!waiting && !announced) announce.textContent = "";
  }

  life.on(document, "link:up", () => { showLink(); refresh(); });
  life.on(document, "link:down", showLink);
  life.on(document, "live:board", changed);
  life.on(document, "live:beat", ({ detail }) => {
    const shown = document.getElementById("queue").dataset.database;
    if ((shown === "up") !== detail.database) refresh();
    provedAt = detail.path.age_s === null ? null : performance.now() - 1000 * detail.path.age_s;
    brokenAt = zh ? detail.path.broken_zh : detail.path.broken_en;
    showPath();
  });
  life.on(document, "live:alert", ({ detail: { alert } }) => {
    if (alert.state === "raised" && LOUD.includes(alert.severity)) {
      const who = (zh ? alert.resident_zh : alert.resident_en) || alert.household_code;
      announced = true;
      announce.textContent = `${announce.dataset.words}: ${who} — ${zh ? alert.reason_zh : alert.reason_en}`;
    }
    changed();
  });
  life.on(document, "toggle", (event) => {
    if (event.target.open && !event.target.querySelector("table")) refresh(); // its lines are fetched when it is opened
  }, { capture: true });
  life.on(document, "ran-out", refresh); // a step has been taken
  life.on(document, "tick", tick);
  if (connected()) showLink();
  tick();
});

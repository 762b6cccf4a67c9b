// The strip above the queue: how the socket is, when the path was proved last; and the words of a new alert, to be heard.
import { onPage } from "./shell/page.js";
import { connected } from "./shell/socket.js";

const LOUD = ["emergency", "urgent"];
const zh = document.documentElement.lang.startsWith("zh");

onPage("#queue", (_queue, life) => {
  const link = document.getElementById("link");
  const announce = document.getElementById("announce");
  const path = document.getElementById("path");
  let begun = false; // the socket has been there: until then it connects
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
    const text = connected() ? link.dataset.live : link.dataset.lost;
    if (link.textContent !== text) link.textContent = text;
    link.classList.toggle("notice", !connected());
    link.classList.toggle("bad", !connected());
  }

  function tick() {
    begun ||= connected();
    if (begun) showLink();
    showPath();
    const waiting = document.querySelector("#queue .emergency.raised, #queue .urgent.raised");
    if (!waiting && !announced) announce.textContent = "";
  }

  life.on(document, "link:up", showLink);
  life.on(document, "link:down", showLink);
  life.on(document, "live:beat", ({ detail }) => {
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
  });
  life.on(document, "queue:shown", () => { announced = false; });
  life.on(document, "tick", tick);
  tick();
});

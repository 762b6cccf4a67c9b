// The shell of the staff's pages, loaded once: socket, truth, sound, title, toasts and navigation live as long as the
// browser's tab does. docs/console.md tells what each shows when.
import "./page.js";
import "./alerts.js";
import "./truth.js";
import "./session.js";
import "./toasts.js";
import "./handover.js";
import { tick } from "../clock.js";
import { connect } from "./socket.js";
import { inField, keysOff } from "./toasts.js";
import { start as navigate } from "./navigate.js";
import { start as sound } from "./sound.js";

function night() {
  const root = document.documentElement;
  if (root.dataset.themeChoice !== "auto") return;
  const hour = Number(new Date().toLocaleString("en-GB", { hour: "2-digit", hour12: false, timeZone: "Asia/Shanghai" }));
  root.dataset.theme = hour >= 20 || hour < 7 ? "night" : "light";
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || keysOff() || event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
  const field = document.querySelector(".find input");
  if (!field) return; // who may look at nobody searches for nobody
  event.preventDefault();
  field.focus();
});
document.addEventListener("tick", () => { tick(); night(); });
document.addEventListener("page:ready", tick);
const ticker = new Worker("/static/shell/ticker.js");
ticker.onmessage = () => document.dispatchEvent(new Event("tick"));
navigate();
sound();
if ("pulse" in document.body.dataset) connect();
document.getElementById("unstarted")?.remove(); // from here on the beat says whether the page lives

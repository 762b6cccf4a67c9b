// The one socket of the shell. Each message comes on the document as the event "live:<type>" with the message as detail;
// "link:up" and "link:down" say how the socket is. `silence()` is the time since the last beat, in seconds.
const LONGEST_MS = 4000;
const SILENT_S = 10;
let socket = null;
let retry = 250;
let heard = performance.now(); // a page that has just come has not been cut off yet
let ended = false;

const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));

export const silence = () => (performance.now() - heard) / 1000;
// A socket that is open and says nothing is no connection: a console that stands still keeps it open.
export const connected = () => socket !== null && socket.readyState === WebSocket.OPEN && silence() < SILENT_S;
export const toLogin = () => location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);

export function connect() {
  socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live`);
  socket.onopen = () => { retry = 250; tell("link:up"); };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "beat") heard = performance.now();
    tell(`live:${message.type}`, message);
  };
  socket.onclose = (event) => {
    tell("link:down");
    if (ended || event.code === 4403) return;
    if (event.code === 4401) { toLogin(); return; }
    setTimeout(connect, retry);
    retry = Math.min(2 * retry, LONGEST_MS);
  };
}

window.addEventListener("pagehide", () => { ended = true; });
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

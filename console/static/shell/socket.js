// The one socket of the shell. Each message comes on the document as the event "live:<type>" with the message as detail;
// "link:up" and "link:down" say how the socket is. `silence()` is the time since the last beat, in seconds.
const LONGEST_MS = 4000;
const SILENT_S = 10;
const DEAD_S = 15; // no beat, and no end of the connection either: a line that is gone without a word
let socket = null;
let retry = 250;
let began = 0;
let heard = performance.now(); // a page that has just come has not been cut off yet
let ended = false;

const tell = (type, detail) => document.dispatchEvent(new CustomEvent(type, { detail }));

export const silence = () => (performance.now() - heard) / 1000;
// A socket that is open and says nothing is no connection: a console that stands still keeps it open.
export const connected = () => socket !== null && socket.readyState === WebSocket.OPEN && silence() < SILENT_S;
export const toLogin = () => location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);

// A socket that is refused tells a browser nothing: whether the login has ended meanwhile (a laptop that slept) is asked.
const loginEnded = () => fetch("/api/push", { signal: AbortSignal.timeout(LONGEST_MS) }).then(({ status }) => status === 401, () => false);

export function connect() {
  const mine = new WebSocket(`${location.origin.replace(/^http/, "ws")}/api/live`);
  socket = mine;
  began = performance.now();
  let opened = false;
  socket.onopen = () => { opened = true; retry = 250; tell("link:up"); };
  socket.onmessage = (event) => {
    if (socket !== mine) return;
    const message = JSON.parse(event.data);
    if (message.type === "beat") heard = performance.now();
    tell(`live:${message.type}`, message);
  };
  socket.onclose = async (event) => {
    if (socket !== mine) return; // given up before
    tell("link:down");
    if (ended || event.code === 4403) return;
    if (event.code === 4401 || (!opened && await loginEnded())) { toLogin(); return; }
    if (ended || socket !== mine) return; // meanwhile
    setTimeout(connect, retry);
    retry = Math.min(2 * retry, LONGEST_MS);
  };
}

// A browser does not notice a line that is gone (sleep, another network, a router): it is made anew.
setInterval(() => {
  if (ended || !socket || socket.readyState > WebSocket.OPEN || silence() < DEAD_S || performance.now() - began < DEAD_S * 1000) return;
  const old = socket;
  socket = null;
  old.close();
  tell("link:down");
  connect();
}, 1000);

window.addEventListener("pagehide", () => { ended = true; });
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// Send a request and wait for its answer however long it takes; while it does not come the page says so, in one line. It
// is sent again only where the connection broke: a console that stands still has it, and answers when it goes on.
import { toast } from "./toasts.js";
import { isCut } from "./truth.js";

const PATIENCE_MS = 3000;
const AGAIN_MS = 2000;
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export async function send(url, options) {
  let line = null;
  const late = () => { line ??= toast("late", document.getElementById("words").dataset.unsent); };
  const timer = setTimeout(late, isCut() ? 0 : PATIENCE_MS);
  try {
    for (;;) {
      try {
        return await fetch(url, options);
      } catch (error) {
        if (error.name === "AbortError") throw error;
        late();
        await wait(AGAIN_MS);
      }
    }
  } finally {
    clearTimeout(timer);
    line?.remove();
  }
}

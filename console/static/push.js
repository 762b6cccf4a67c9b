// The button that registers this browser for Web Push; shown only where the district has set it up.
import { onPage } from "./shell/page.js";

let button = null;

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

async function show(registration) {
  const subscription = await registration.pushManager.getSubscription();
  button.setAttribute("aria-pressed", String(Boolean(subscription)));
  button.textContent = subscription ? button.dataset.on : button.dataset.off;
}

async function start() {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return;
  const answer = await fetch("/api/push");
  if (!answer.ok) return;
  const { key } = await answer.json();
  if (!key) return;
  const registration = await navigator.serviceWorker.register("/push-worker.js");
  button.hidden = false;
  await show(registration);
  button.addEventListener("click", async () => {
    const present = await registration.pushManager.getSubscription();
    if (present) {
      await fetch(`/api/push?endpoint=${encodeURIComponent(present.endpoint)}`, { method: "DELETE" });
      await present.unsubscribe();
    } else {
      try {
        const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) });
        await fetch("/api/push", {
          method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(made.toJSON()),
        });
      } catch {
        button.title = button.dataset.refused;
      }
    }
    await show(registration);
  });
}

onPage("#push", (element) => {
  button = element;
  start();
});

// Acceptance in the flat: asks every 2 s what was heard. Without an answer it says so and hides every result, for nothing
// may look accepted that was not heard; nothing is kept to be sent later, as a test of later would prove another time.
const ASK_MS = 2000;
const WAIT_MS = 6000;
const CLOCK = new Intl.DateTimeFormat("zh-CN", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: "Asia/Shanghai" });
let answered = Date.now();

const here = () => document.getElementById("onsite");
const busy = () => {
  const at = document.activeElement;
  return here()?.contains(at) && at.matches("input:not([type=hidden]), select") || here()?.querySelector("details[open]");
};

function tell(lost) {
  const root = here();
  if (!root) return;
  const banner = root.querySelector("[data-offline]");
  banner.hidden = !lost;
  banner.textContent = lost ? root.dataset.lost.replace("%", CLOCK.format(answered)) : "";
  root.classList.toggle("onsite-lost", lost);
  for (const part of root.querySelectorAll("[data-known]")) part.hidden = lost;
  for (const button of root.querySelectorAll("[data-part] button")) button.disabled = lost;
}

async function ask() {
  const root = here();
  if (!root) return;
  try {
    if (!navigator.onLine) throw new Error("offline");
    const answer = await fetch(root.dataset.now, { signal: AbortSignal.timeout(WAIT_MS), headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    answered = Date.now();
    if (!busy()) root.querySelector("[data-part]").innerHTML = text;
    tell(false);
  } catch {
    tell(true);
  }
  setTimeout(ask, ASK_MS);
}

addEventListener("offline", () => tell(true));
document.addEventListener("submit", (event) => {
  if (here()?.contains(event.target) && here().classList.contains("onsite-lost")) event.preventDefault();
});
setTimeout(ask, ASK_MS);

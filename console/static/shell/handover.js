// A hand-over that waits for this account: a number beside its name in the menu of every page, said once.
let waiting = 0;

function show() {
  const link = document.querySelector("#menu a[href='/handovers']");
  if (!link) return;
  const badge = link.querySelector(".badge");
  if (Number(badge?.dataset.n ?? 0) === waiting) return;
  badge?.remove();
  if (!waiting) { link.removeAttribute("title"); return; }
  const number = document.createElement("span");
  number.className = "badge";
  number.dataset.n = waiting;
  number.textContent = waiting;
  const words = document.createElement("span");
  words.className = "hush";
  words.textContent = document.getElementById("words").dataset.handover;
  number.append(words);
  link.append(number);
  link.title = words.textContent;
}

document.addEventListener("live:beat", ({ detail }) => {
  const more = detail.handovers > waiting;
  waiting = detail.handovers ?? 0;
  show();
  if (more) document.getElementById("said").textContent = document.getElementById("words").dataset.handover;
});
document.addEventListener("page:ready", show);

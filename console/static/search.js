// The list below a search field: any input[data-suggest]. Arrows choose, Enter opens what is chosen (or all that was
// found), Escape closes. With an address as data-suggest it is asked for the lines; one with data-value fills the field. Works on fields that come later, too: the shell replaces parts of the page.
const WAIT_MS = 120;
let list = null; // the open one
let field = null; // whose it is
let timer = 0;
let asked = 0;

function close() {
  clearTimeout(timer);
  asked += 1; // an answer on its way is no longer wanted
  if (list) list.remove();
  if (field) { field.setAttribute("aria-expanded", "false"); field.removeAttribute("aria-activedescendant"); field.removeAttribute("aria-controls"); }
  list = field = null;
}

function prepare(input) {
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  if (!input.hasAttribute("aria-expanded")) input.setAttribute("aria-expanded", "false");
}

async function suggest(input) {
  const words = input.value.trim();
  if (!words) { close(); return; }
  const mine = ++asked;
  let answer;
  try { answer = await fetch(`${input.dataset.suggest || "/search/suggest"}?q=${encodeURIComponent(words)}`); } catch { return; }
  if (mine !== asked || !answer.ok || answer.redirected || !input.isConnected) return;
  const html = await answer.text();
  if (mine !== asked) return;
  if (field !== input) { close(); asked = mine; }
  if (!list) {
    list = document.createElement("ul");
    list.className = "suggest";
    list.id = "suggest";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", input.getAttribute("aria-label") || input.labels?.[0]?.textContent.trim() || "");
    input.after(list);
    field = input;
    input.setAttribute("aria-controls", "suggest");
    input.setAttribute("aria-expanded", "true");
  }
  list.innerHTML = html; // our own server's, escaped there
  input.removeAttribute("aria-activedescendant");
  [...list.children].forEach((line, index) => { line.id = `suggest-${index}`; });
}

const lines = () => (list ? [...list.querySelectorAll("[data-href], [data-value]")] : []);
const chosen = () => lines().find((line) => line.getAttribute("aria-selected") === "true");

function choose(line) {
  lines().forEach((other) => other.setAttribute("aria-selected", String(other === line)));
  if (line) { field.setAttribute("aria-activedescendant", line.id); line.scrollIntoView({ block: "nearest" }); } else { field.removeAttribute("aria-activedescendant"); }
}

function open(line) {
  if (line.dataset.value !== undefined) {
    field.value = line.dataset.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    close();
    return;
  }
  const link = document.createElement("a"); // so that the shell may take the way it takes for every link
  link.href = line.dataset.href;
  link.hidden = true;
  document.body.append(link);
  close();
  link.click();
  link.remove();
}

const own = (event) => event.target instanceof HTMLInputElement && event.target.matches("input[data-suggest]");

document.addEventListener("focusin", (event) => { if (own(event)) prepare(event.target); });
document.addEventListener("input", (event) => {
  if (!own(event) || event.isComposing) return;
  prepare(event.target);
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT_MS, event.target);
});
document.addEventListener("compositionend", (event) => { if (own(event)) suggest(event.target); });
document.addEventListener("keydown", (event) => {
  if (!own(event) || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && list) { event.preventDefault(); close(); return; }
  if (event.key === "Enter") { const line = chosen(); if (line) { event.preventDefault(); open(line); } else close(); return; }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const all = lines();
  if (!all.length) return;
  event.preventDefault();
  const at = all.indexOf(chosen());
  const next = event.key === "ArrowDown" ? at + 1 : at < 0 ? all.length - 1 : at - 1;
  choose(all[next] ?? null); // past either end: back in the field
});
document.addEventListener("mousedown", (event) => {
  const line = event.target.closest?.(".suggest [data-href], .suggest [data-value]");
  if (line) { event.preventDefault(); open(line); } // before the field loses the focus
});
document.addEventListener("focusout", (event) => { if (own(event)) close(); });
document.addEventListener("page:ready", close);

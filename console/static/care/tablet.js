// The empty form, filled with what this device has of the day: the list at …/today, one person's form at …/<number>. It
// runs before assessment.js, which saves, keeps and compares as it does on the form that the platform sends.
import { day } from "/static/care/day.js";

const place = document.getElementById("assessment-tablet");
const form = document.getElementById("assessment-form");
const { account } = form.dataset;
const kept = day(account);
const number = Number(/(\d+)$/.exec(location.pathname)?.[1] ?? 0);
const name = (one) => (document.documentElement.lang === "en" ? one.en : one.zh) || one.number;

function unsent() {
  try {
    const draft = JSON.parse(localStorage.getItem(`assessment ${account} ${number}`) ?? "null");
    return draft && { number, version: draft.base, zh: "", en: "", reason: ["", ""], fields: {} };
  } catch { return null; }
}

function open(one) {
  place.querySelector("[data-person]").textContent = name(one);
  place.querySelector("[data-reason]").textContent = document.documentElement.lang === "en" ? one.reason[1] : one.reason[0];
  form.action = `/care/assessments/${one.number}/draft`;
  form.dataset.number = one.number;
  form.elements.seen.value = one.version;
  for (const field of form.elements) {
    if (!(field.name in one.fields)) continue;
    if (field.type === "radio") field.checked = field.value === one.fields[field.name];
    else field.value = one.fields[field.name];
  }
  place.querySelector("[data-form]").hidden = false;
}

const one = number ? kept?.list.find((each) => each.number === number) ?? unsent() : null;
if (one) open(one);
else {
  form.removeAttribute("id"); // nothing is to be saved from here
  place.querySelector(number ? "[data-none]" : "[data-list]").hidden = false;
}
const list = place.querySelector("[data-people]");
for (const each of kept?.list ?? []) {
  const link = Object.assign(document.createElement("a"), { href: `/care/assessments/${each.number}`, textContent: name(each), className: "button" });
  const item = document.createElement("li");
  item.append(link);
  list.append(item);
}
if (!kept?.list.length) place.querySelector("[data-empty]").hidden = false;

// As soon as the platform answers again, the real page is a press away.
addEventListener("online", () => { place.querySelector("[data-back]").hidden = false; });

// A long form that somebody writes: what is typed is kept in this browser, for this account alone, until it is saved.
const WAIT_MS = 600;
const DAYS_MS = 30 * 86_400_000;
const form = document.querySelector("form[data-draft]");
const begins = "form draft ";

const read = (key) => { try { return JSON.parse(localStorage.getItem(key)); } catch { return null; } };
const entriesOf = (one) => [...new FormData(one)].filter(([, value]) => typeof value === "string");
const drop = (key) => localStorage.removeItem(key);

// Old ones go by themselves; one that was sent goes where the page behind the form is shown.
for (const key of Object.keys(localStorage).filter((name) => name.startsWith(begins))) {
  const kept = read(key);
  if (!kept || Date.now() - kept.at > DAYS_MS || (!form && kept.sent)) drop(key);
}

if (form) {
  const key = begins + form.dataset.draft;
  const says = document.querySelector("[data-draft-says]");
  const offer = document.querySelector("[data-draft-offer]");
  const same = (entries) => JSON.stringify(entries) === JSON.stringify(entriesOf(form));
  let begun = JSON.stringify(entriesOf(form));
  let timer = 0;

  const keep = (sent = false) => {
    clearTimeout(timer);
    const entries = entriesOf(form);
    if (!sent && JSON.stringify(entries) === begun && form.dataset.fresh) return;
    try {
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), sent, entries }));
      says.textContent = says.dataset.kept.replace("{t}", new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
    } catch { // full, or switched off: say so rather than look safe
      says.textContent = says.dataset.lost;
    }
  };
  const kept = read(key);
  if (form.dataset.fresh && kept && !same(kept.entries)) {
    offer.hidden = false;
    offer.querySelector("time").textContent = new Date(kept.at).toLocaleString();
    offer.querySelector("[data-take]").addEventListener("click", () => {
      const again = document.createElement("form");
      again.method = "post";
      again.action = form.action;
      again.enctype = form.enctype;
      for (const [name, value] of [...kept.entries.filter(([name]) => name !== "do"), ["do", "resume"]]) {
        const field = document.createElement("textarea");
        field.name = name;
        field.value = value;
        again.append(field);
      }
      again.hidden = true;
      document.body.append(again);
      again.submit();
    });
    offer.querySelector("[data-drop]").addEventListener("click", () => { drop(key); offer.hidden = true; });
  } else if (!form.dataset.fresh) {
    begun = "";
    keep();
  }
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(keep, WAIT_MS); });
  form.addEventListener("submit", (event) => keep(event.submitter?.value === "save"));
  addEventListener("pagehide", () => { if (timer) keep(read(key)?.sent ?? false); });
}

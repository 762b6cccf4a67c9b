// What somebody typed on an alert and has not sent: kept in this tab while they look at another alert, for them alone.
const nameOf = (alert) => `draft ${document.body.dataset.shell?.split(" ").at(-1)} ${alert}`;

const chosen = (select) => Math.max(0, [...select.options].findIndex((option) => option.defaultSelected));

// Whether a form says anything but what the server put into it.
export function dirty(form) {
  return [...form.elements].some((field) => field.name && field.type !== "hidden" && (
    ["checkbox", "radio"].includes(field.type) ? field.checked !== field.defaultChecked
      : field.tagName === "SELECT" ? field.selectedIndex !== chosen(field) : field.value !== field.defaultValue));
}

export function stash(alert, forms) {
  const typed = forms.filter(dirty).map((form) => [form.id, form.hidden, [...new FormData(form)].filter(([name]) => name !== "version")]);
  if (typed.length) sessionStorage.setItem(nameOf(alert), JSON.stringify(typed));
  else sessionStorage.removeItem(nameOf(alert));
}

// Put it back; says whether there was anything.
export function restore(alert, forms) {
  const typed = JSON.parse(sessionStorage.getItem(nameOf(alert)) || "[]");
  sessionStorage.removeItem(nameOf(alert));
  for (const [id, hidden, entries] of typed) {
    const form = forms.find((one) => one.id === id);
    if (!form) continue;
    for (const field of form.elements) {
      if (!field.name || field.type === "hidden") continue;
      const values = entries.filter(([name]) => name === field.name).map(([, value]) => value);
      if (["checkbox", "radio"].includes(field.type)) field.checked = values.includes(field.value);
      else if (values.length) [field.value] = values;
    }
    form.hidden = hidden;
  }
  return typed.length > 0;
}

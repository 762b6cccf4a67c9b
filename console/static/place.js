// The button that shares where this telephone is: one place at a press, sent as a form. Nothing follows it afterwards.
const WAIT_MS = 20000;
const AGE_MS = 60000; // the telephone may give a place that it knew a minute ago

function refuse(button, text) {
  const error = document.querySelector("#place [data-error]");
  error.textContent = text;
  error.hidden = false;
  button.disabled = false;
}

function send(form, { coords }) {
  form.elements.longitude.value = coords.longitude;
  form.elements.latitude.value = coords.latitude;
  form.elements.accuracy_m.value = coords.accuracy;
  form.submit();
}

// On the document: the page may be put in anew while this script stays.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#place [data-share]");
  if (!button) return;
  const { form } = button;
  document.querySelector("#place [data-error]").hidden = true;
  button.disabled = true;
  if (!navigator.geolocation) { refuse(button, form.dataset.failed); return; }
  navigator.geolocation.getCurrentPosition(
    (place) => send(form, place),
    (problem) => refuse(button, problem.code === problem.PERMISSION_DENIED ? form.dataset.denied : form.dataset.failed),
    { enableHighAccuracy: true, timeout: WAIT_MS, maximumAge: AGE_MS },
  );
});

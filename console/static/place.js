// The button that shares where this telephone is: one place at a press, sent as a form. Nothing follows it afterwards.
const panel = document.getElementById("place");
const form = panel.querySelector("form");
const button = form.querySelector("[data-share]");
const error = panel.querySelector("[data-error]");
const WAIT_MS = 20000;
const AGE_MS = 60000; // the telephone may give a place that it knew a minute ago

function refuse(text) {
  error.textContent = text;
  error.hidden = false;
  button.disabled = false;
}

function send({ coords }) {
  form.elements.longitude.value = coords.longitude;
  form.elements.latitude.value = coords.latitude;
  form.elements.accuracy_m.value = coords.accuracy;
  form.submit();
}

button.addEventListener("click", () => {
  error.hidden = true;
  button.disabled = true;
  if (!navigator.geolocation) { refuse(form.dataset.failed); return; }
  navigator.geolocation.getCurrentPosition(
    send,
    (problem) => refuse(problem.code === problem.PERMISSION_DENIED ? form.dataset.denied : form.dataset.failed),
    { enableHighAccuracy: true, timeout: WAIT_MS, maximumAge: AGE_MS },
  );
});

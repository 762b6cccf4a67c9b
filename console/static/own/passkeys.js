// Passkeys: make one on the page of one's own account, and log in with one. The server checks all of it.
import { onPage } from "../shell/page.js";

const binary = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function toSend(made) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[name]) response[name] = text(made.response[name]);
  }
  return { id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: made.getClientExtensionResults() };
}

async function post(address, body = {}) {
  const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.message ?? "", { cause: "told" });
  return told;
}

function say(element, words) {
  element.textContent = words;
  element.hidden = false;
}

const wordsOf = (error, otherwise) => (error.cause === "told" && error.message) || otherwise;

onPage("#new-passkey", (form, life) => {
  const wrong = form.querySelector("[role=alert]");
  if (!window.PublicKeyCredential) { say(wrong, form.dataset.none); return; }
  form.querySelector("button").disabled = false; // a press before this script would send the form nowhere
  life.on(form, "submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    wrong.hidden = true;
    try {
      const options = await post("/account/passkeys/options");
      const publicKey = {
        ...options, challenge: binary(options.challenge), user: { ...options.user, id: binary(options.user.id) },
        excludeCredentials: (options.excludeCredentials ?? []).map((one) => ({ ...one, id: binary(one.id) })),
      };
      const made = await navigator.credentials.create({ publicKey });
      const { next } = await post("/account/passkeys", { answer: toSend(made), name: form.elements.name.value });
      location.assign(next);
    } catch (error) {
      say(wrong, wordsOf(error, form.dataset.failed));
    }
  });
});

onPage("#passkey-login", (part, life) => {
  if (!window.PublicKeyCredential) return;
  part.hidden = false;
  const wrong = part.querySelector("[role=alert]");
  life.on(part.querySelector("button"), "click", async () => {
    wrong.hidden = true;
    try {
      const options = await post("/login/passkey/options");
      const publicKey = { ...options, challenge: binary(options.challenge), allowCredentials: [] };
      const answer = await navigator.credentials.get({ publicKey });
      const { next } = await post("/login/passkey", { answer: toSend(answer), next: part.dataset.next });
      location.assign(next);
    } catch (error) {
      say(wrong, wordsOf(error, part.dataset.failed));
    }
  });
});

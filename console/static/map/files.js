// The page of the map's files: a file that is too large is refused before megabytes of it travel, and while one is on
// its way the page says so.
import { onPage } from "../shell/page.js";

onPage("form[data-sending]", (_, life) => {
  for (const form of document.querySelectorAll("form[data-sending]")) {
    const input = form.querySelector("input[type=file]");
    const line = Object.assign(document.createElement("p"), { className: "notice", hidden: true });
    line.setAttribute("role", "alert");
    form.append(line);
    const say = (text, bad) => { line.textContent = text; line.hidden = !text; line.classList.toggle("bad", bad); };
    life.on(input, "change", () => {
      const large = (input.files[0]?.size ?? 0) > Number(input.dataset.most);
      input.setCustomValidity(large ? input.dataset.large : "");
      say(large ? input.dataset.large : "", large);
    });
    life.on(form, "submit", () => say(form.dataset.sending, false));
  }
});

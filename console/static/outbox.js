// The outbox fetches its cards every two seconds; htmx morphs them in place.
import { onPage } from "./shell/page.js";

onPage("#cards", (_cards, life) => life.every(2000, () => {
  if (!document.hidden) htmx.ajax("GET", "/outbox/cards", { target: "#cards", swap: "outerMorph" });
}));

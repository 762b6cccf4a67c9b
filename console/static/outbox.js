// The outbox fetches its cards every two seconds; htmx morphs them in place.
setInterval(() => {
  if (!document.hidden) htmx.ajax("GET", "/outbox/cards", { target: "#cards", swap: "outerMorph" });
}, 2000);

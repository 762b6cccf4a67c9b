// The outbox looks for new messages every two seconds; htmx morphs the cards in place.
setInterval(() => {
  if (!document.hidden) htmx.ajax("GET", "/outbox/cards", { target: "#cards", swap: "outerMorph" });
}, 2000);

// Shows a message that came by Web Push until somebody has seen it, and opens its link.
self.addEventListener("push", (event) => {
  let message = {};
  try { message = event.data.json(); } catch { message = { title: "守望", body: "" }; }
  event.waitUntil(self.registration.showNotification(message.title || "守望", {
    body: message.body || "", tag: message.tag, data: message.link || "/", icon: "/static/icon.svg", requireInteraction: true,
  }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data));
});

// At the login nobody is logged in: pages of the last session that the telephone kept for a time without a signal go.
if ("caches" in window) {
  for (const name of (await caches.keys()).filter((one) => one.startsWith("field-"))) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      if (/^\/(mine|care)(\/|$)/.test(new URL(request.url).pathname)) await cache.delete(request);
    }
  }
}

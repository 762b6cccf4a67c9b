// The desk: queue, open alert, keys. Everything listens on the document, so that it outlives a change of the page.
import { start as startDetail } from "./detail.js";
import { start as startKeys } from "./keys.js";
import { start as startQueue } from "./queue.js";
import { onPage } from "./shell/page.js";

onPage("#desk", () => {
  startDetail();
  startKeys();
  startQueue();
});

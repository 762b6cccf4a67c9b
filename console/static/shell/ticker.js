// A worker that counts seconds: browsers slow the timers of a page in the background down to one a minute, and an
// emergency has to ring there, too.
setInterval(() => postMessage(0), 1000);

// The life of one page. "page:ready" comes on the document at the first load and after each navigation within the shell,
// "page:leave" before the next page takes its place. A page's module says with onPage() what it does with an element of
// its page; timers and listeners that it asks of `life` end with the page.
let life = null;

class Life {
  #end = new AbortController();

  get signal() { return this.#end.signal; }

  every(ms, action) {
    const timer = setInterval(action, ms);
    this.signal.addEventListener("abort", () => clearInterval(timer));
  }

  on(target, type, action, options = {}) { target.addEventListener(type, action, { ...options, signal: this.signal }); }

  end() { this.#end.abort(); }
}

export function onPage(selector, start) {
  const begin = () => {
    const element = document.querySelector(selector);
    if (element) start(element, life);
  };
  document.addEventListener("page:ready", begin);
  if (life) begin(); // the page was ready before this module had come
}

export function leave() {
  if (!life) return;
  document.dispatchEvent(new Event("page:leave"));
  life.end();
  life = null;
}

export function ready() {
  life = new Life();
  document.dispatchEvent(new Event("page:ready"));
}

// Modules are deferred: by DOMContentLoaded all of them have said what they do.
if (document.readyState === "complete") ready();
else document.addEventListener("DOMContentLoaded", ready, { once: true });

// Leaflet, fetched when a page first wants a map. Rejects where it cannot be had: the list beside it says everything.
let asked = null;

export function leaflet() {
  asked ??= new Promise((found, failed) => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = "/static/vendor/leaflet-1.9.4.min.css";
    if (!document.querySelector(`link[href="${sheet.href}"], link[href="/static/vendor/leaflet-1.9.4.min.css"]`)) document.head.append(sheet);
    const script = document.createElement("script");
    script.src = "/static/vendor/leaflet-1.9.4.min.js";
    script.onload = () => found(window.L);
    script.onerror = () => { asked = null; failed(new Error("the map's library did not come")); };
    document.head.append(script);
  });
  return asked;
}

// A colour of the tokens, for what is drawn on a canvas.
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A sign: its shape is drawn by the sheet of style, so that colour is never alone.
export function sign(L, kind, label, size = 26) {
  return L.divIcon({ className: `map-sign ${kind}`, html: `<span class="map-shape ${kind}"></span>`, iconSize: [size, size], iconAnchor: [size / 2, size / 2] });
}

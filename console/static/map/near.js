// The small map of an alert's tab: wherever a `.near-map` comes into the page, its places are drawn. A picture of the
// list below it, so it takes no keys and no clicks.
import { layGround } from "./ground.js";
import { colour, leaflet, sign } from "./library.js";

const drawn = new WeakSet();

async function draw(box) {
  if (drawn.has(box)) return;
  drawn.add(box);
  const points = JSON.parse(box.dataset.points || "[]");
  if (!points.length) { box.remove(); return; }
  try {
    const L = await leaflet();
    if (!box.isConnected) return;
    const map = L.map(box, { zoomControl: false, attributionControl: false, keyboard: false, dragging: false, scrollWheelZoom: false, doubleClickZoom: false, boxZoom: false, touchZoom: false, maxZoom: 18, fadeAnimation: false, zoomAnimation: false });
    const home = [points[0].lat, points[0].lon];
    for (const point of points.slice(1).reverse()) {
      L.polyline([[point.lat, point.lon], home], { color: colour("--line"), weight: 2, dashArray: "4 6", interactive: false }).addTo(map);
      L.marker([point.lat, point.lon], { icon: sign(L, point.kind, ""), keyboard: false, interactive: false }).addTo(map);
    }
    L.marker(home, { icon: sign(L, points[0].kind, ""), keyboard: false, interactive: false, zIndexOffset: 900 }).addTo(map);
    layGround(L, map, box);
    map.fitBounds(L.latLngBounds(points.map((point) => [point.lat, point.lon])), { padding: [24, 24], maxZoom: 17, animate: false });
  } catch { box.remove(); }
}

const look = () => document.querySelectorAll(".near-map").forEach(draw);
document.addEventListener("htmx:after:swap", look);
document.addEventListener("page:ready", look);
new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
look();

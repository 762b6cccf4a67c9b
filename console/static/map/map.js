// The map of the district: outlines of the level that fits the zoom, with counts; homes on a canvas; open alerts as
// shapes, live; staff who share their place; centers. Everything that it shows is in the list beside it, too.
import { onPage } from "../shell/page.js";
import { go } from "../shell/navigate.js";
import { ago } from "../ago.js";
import { dotsOf } from "./dots.js";
import { layGround } from "./ground.js";
import { colour, leaflet, sign } from "./library.js";

const ZH = document.documentElement.lang.startsWith("zh");
const WORDS = ZH
  ? { emergency: "紧急", urgent: "加急", attention: "关注", technical: "设备", dark: "网关离线", homes: "户", staff: "共享位置", of: "：" }
  : { emergency: "emergency", urgent: "urgent", attention: "attention", technical: "technical", dark: "gateway offline", homes: "homes", staff: "shares the place", of: ": " };
const LEVELS = ["district", "street", "community", "compound"];
const AGAIN_MS = 30_000; // places get older, and gateways go dark without an alert
const WRITTEN_MS = 1500;
const HOMES_FROM = 13; // zoom
const ALONE_FROM = 16;
const KEPT_MS = 300_000;
let data = null; // outlines and homes, kept for some minutes while one moves through the map
let dataAt = 0;

// Which level is shown at a zoom: an outline as large as the screen is no help.
const levelAt = (zoom) => LEVELS[zoom < 12 ? 0 : zoom < 14 ? 1 : zoom < 16 ? 2 : 3];

// The middle of the largest polygon, where its name disturbs least.
function centroid(shape) {
  let best = { weight: 0, at: null };
  for (const [ring] of shape) {
    const [x0, y0] = ring[0];
    let weight = 0, x = 0, y = 0;
    for (let i = 1; i < ring.length; i += 1) {
      const [x1, y1, x2, y2] = [ring[i - 1][0] - x0, ring[i - 1][1] - y0, ring[i][0] - x0, ring[i][1] - y0];
      const cross = x1 * y2 - x2 * y1;
      weight += cross; x += (x1 + x2) * cross; y += (y1 + y2) * cross;
    }
    if (Math.abs(weight) > Math.abs(best.weight)) best = { weight, at: [y0 + y / (3 * weight), x0 + x / (3 * weight)] };
  }
  return best.at;
}

const latlngs = (shape) => shape.map((polygon) => polygon.map((ring) => ring.map(([lon, lat]) => [lat, lon])));

async function get(address, life) {
  const answer = await fetch(address, { signal: life.signal });
  if (answer.redirected || !answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

onPage("#map", async (box, life) => {
  const began = performance.now();
  let L;
  try {
    if (!document.createElement("canvas").getContext("2d")) throw new Error("no canvas");
    const kept = performance.now() - dataAt < KEPT_MS ? data : null;
    const [library, found] = await Promise.all([leaflet(), kept ?? get("/map/data", life)]);
    L = library;
    if (!kept) [data, dataAt] = [found, performance.now()];
  } catch (error) {
    if (!life.signal.aborted) box.replaceChildren(Object.assign(document.createElement("p"), { className: "map-wait", textContent: box.dataset.unable }));
    return;
  }
  if (life.signal.aborted) return;
  draw(L, box, life, began);
});

function draw(L, box, life, began) {
  box.replaceChildren();
  const map = L.map(box, { zoomControl: false, attributionControl: false, preferCanvas: true, minZoom: 9, maxZoom: 19, zoomSnap: box.dataset.ground === "null" ? 0.5 : 1, fadeAnimation: false, zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches });
  life.signal.addEventListener("abort", () => map.remove());
  L.control.zoom({ zoomInTitle: ZH ? "放大" : "Zoom in", zoomOutTitle: ZH ? "缩小" : "Zoom out" }).addTo(map);
  const canvas = L.canvas({ padding: 0.3 });
  const areas = new Map(data.areas.map((area) => [area.path, area]));
  const here = areas.get(box.dataset.at);
  const outlines = L.layerGroup().addTo(map);
  const homes = new (dotsOf(L))(data.homes, (i) => go(`/residents/${encodeURIComponent(data.homes.code[i])}`)).addTo(map);
  const signs = L.layerGroup().addTo(map);
  const standing = new Map();
  let ground = null;
  let present = { alerts: [], dark: [], counts: {}, staff: [] };

  frame();
  const centers = L.layerGroup(data.places.map((place) => mark(place, "center", place.name)));
  redraw();
  map.on("zoomend", redraw);
  refresh();
  layGround(L, map, box).then((layer) => { ground = layer; if (layer) drawOutlines(presentLevel()); });
  const watching = new MutationObserver(() => { ground?.recolour?.(); redraw(); });
  watching.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  life.signal.addEventListener("abort", () => watching.disconnect());
  life.every(AGAIN_MS, refresh);
  for (const type of ["live:alert", "live:board", "link:up"]) life.on(document, type, () => { refresh(); setTimeout(refresh, WRITTEN_MS); });
  // a bar that comes across the top makes the map smaller: what nobody has moved yet is fitted anew
  let moved = false;
  for (const type of ["pointerdown", "wheel", "keydown"]) box.addEventListener(type, () => { moved = true; }, { passive: true, signal: life.signal });
  const sized = new ResizeObserver(() => { map.invalidateSize({ animate: false }); if (!moved) frame(); });
  sized.observe(box);
  life.signal.addEventListener("abort", () => sized.disconnect());

  function frame() {
    const own = here?.shape ? L.polygon(latlngs(here.shape)).getBounds() : L.latLngBounds(data.homes.lon.map((lon, i) => [data.homes.lat[i], lon]).filter((_, i) => data.areas[data.homes.area[i]].path.startsWith(box.dataset.at)));
    if (own.isValid()) map.fitBounds(own, { padding: [28, 28], maxZoom: 18, animate: false });
    else map.setView([here?.lat ?? 22.6, here?.lon ?? 114.24], 13);
  }

  function mark(place, kind, label, options = {}) {
    return named(L.marker([place.lat, place.lon], { icon: sign(L, kind), title: label, ...options }), label);
  }

  // A name for those who hear the page, and the keys of a button.
  function named(marker, label) {
    return marker
      .on("add", () => marker.getElement()?.setAttribute("aria-label", label))
      .on("keydown", ({ originalEvent }) => {
        if (originalEvent.key !== "Enter" && originalEvent.key !== " ") return;
        originalEvent.preventDefault();
        marker.fire("click");
      });
  }

  function redraw() {
    const zoom = map.getZoom();
    const level = presentLevel();
    box.dataset.level = level;
    if (zoom >= HOMES_FROM) centers.addTo(map); else centers.remove();
    drawOutlines(level);
    drawHomes(zoom);
  }

  // At least one below the place that one has come to, however small its outline.
  function presentLevel() {
    const order = Math.max(LEVELS.indexOf(levelAt(map.getZoom())), LEVELS.indexOf(here?.level) + 1);
    return LEVELS[Math.min(order, LEVELS.length - 1)];
  }

  function drawOutlines(level) {
    outlines.clearLayers();
    const order = LEVELS.indexOf(level);
    for (const area of data.areas) {
      const depth = LEVELS.indexOf(area.level);
      if (depth < 0 || depth > order || !area.shape) continue;
      const mine = area.level === level;
      L.polygon(latlngs(area.shape), { renderer: canvas, interactive: mine && area.mine && map.getZoom() < ALONE_FROM, color: colour("--brand"), weight: mine ? 2 : 1, opacity: mine ? 0.9 : 0.4, fillColor: colour("--panel"), fillOpacity: ground ? 0 : depth === 0 ? 0.9 : 0.25 })
        .on("click", () => open(area)).addTo(outlines);
    }
    for (const area of data.areas) {
      if (area.level !== level || !area.mine) continue;
      const middle = area.shape ? centroid(area.shape) : area.lat != null ? [area.lat, area.lon] : null;
      if (!middle) continue;
      const counts = present.counts[area.path];
      const label = describe(area, counts);
      const icon = L.divIcon({ className: "map-label", html: face(area, counts), iconSize: null });
      named(L.marker(middle, { icon, title: label, zIndexOffset: -500 }), label).on("click", () => open(area)).addTo(outlines);
    }
  }

  function describe(area, counts) {
    const parts = Object.entries(counts?.alerts ?? {}).map(([severity, n]) => `${WORDS[severity]} ${n}`);
    if (counts?.dark) parts.push(`${WORDS.dark} ${counts.dark}`);
    parts.push(ZH ? `${counts?.homes ?? 0} 户` : `${counts?.homes ?? 0} homes`);
    return `${area.name}${WORDS.of}${parts.join(ZH ? "，" : ", ")}`;
  }

  function face(area, counts) {
    const name = Object.assign(document.createElement("span"), { textContent: area.name, className: "map-name" });
    const line = [name.outerHTML];
    for (const [severity, n] of Object.entries(counts?.alerts ?? {})) line.push(`<span class="map-count ${severity}"><span class="map-shape ${severity}"></span>${Number(n)}</span>`);
    if (counts?.dark) line.push(`<span class="map-count dark"><span class="map-shape dark"></span>${Number(counts.dark)}</span>`);
    return `<span class="map-box">${line.join("")}</span>`;
  }

  function open(area) {
    if (area.path === box.dataset.at) { map.zoomIn(2); return; }
    go(`/map?at=${encodeURIComponent(area.path)}`);
  }

  function drawHomes(zoom) {
    homes.show(zoom < HOMES_FROM ? 0 : zoom < ALONE_FROM ? 2.5 : 6, new Set(present.dark));
  }

  async function refresh() {
    let next;
    try { next = await get("/map/now", life); } catch { return; } // what is shown stays; the shell says that it is cut off
    if (life.signal.aborted) return;
    const before = JSON.stringify(present.counts);
    present = next;
    const wanted = new Map();
    for (const alert of next.alerts) {
      if (alert.lon == null) continue;
      const label = `${WORDS[alert.severity]}${WORDS.of}${alert.who}，${alert.what}`;
      wanted.set(`${alert.id} ${alert.severity} ${label} ${alert.lon} ${alert.lat}`, () => mark(alert, alert.severity, label, { zIndexOffset: 1000 - 100 * Object.keys(WORDS).indexOf(alert.severity) })
        .on("add", (event) => { event.target.getElement().dataset.alert = alert.id; })
        .on("click", () => go(`/alerts/${alert.id}`)));
    }
    for (const one of next.staff) {
      const label = `${one.name}${WORDS.of}${WORDS.staff}，${ago(one.age)}`;
      wanted.set(`${label} ${one.lon} ${one.lat}`, () => mark(one, "staff", label, { zIndexOffset: 300 }));
    }
    // what stays as it is stays in the document, and keeps the keyboard's focus
    for (const [key, marker] of standing) if (!wanted.has(key)) { marker.remove(); standing.delete(key); }
    for (const [key, make] of wanted) if (!standing.has(key)) standing.set(key, make().addTo(signs));
    if (before !== JSON.stringify(next.counts)) drawOutlines(presentLevel());
    drawHomes(map.getZoom());
    if (!box.dataset.ready) box.dataset.ready = Math.round(performance.now() - began);
    list();
  }

  async function list() {
    try {
      const answer = await fetch(`/map/list?at=${encodeURIComponent(box.dataset.at)}`, { signal: life.signal });
      if (!answer.ok || answer.redirected) return;
      const text = await answer.text();
      if (!life.signal.aborted) await htmx.swap({ target: "#map-list", text, swap: "outerMorph", sourceElement: document.body });
    } catch { /* the next one comes in half a minute */ }
  }
}

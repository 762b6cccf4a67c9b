// The ground of the map, where the district has loaded one: tiles that this server cuts out of one file, drawn on
// canvases below everything else. Vector tiles may come by any of the usual schemas (Protomaps, OpenMapTiles, a survey's
// own), so a layer is known by words in its name; what nobody knows is drawn as thin lines and faint areas.
import { colour } from "./library.js";

const LIBRARY = "/static/vendor/protomaps-leaflet-5.1.0.min.js";
const ZH = document.documentElement.lang.startsWith("zh");
const NAMES = ZH ? ["name:zh", "name:zh-Hans", "name_zh", "name", "名称", "NAME"] : ["name:en", "name_en", "name:latin", "name"];
const LONGEST_NAME = 40;
const POINT = 1, LINE = 2, AREA = 3;
const LAYERS = [
  ["earth", /^陆地$|^(earth|land)$/i],
  ["water", /water|ocean|river|lake|水|河|海/i],
  ["building", /build|house|建筑|房屋|楼/i],
  ["road", /road|transport|street|highway|rail|道路|路网|街/i],
  ["bound", /bound|admin|border|界/i],
  ["green", /park|wood|green|landuse|landcover|natural|绿|林|公园/i],
];
const GREEN = /park|forest|wood|grass|garden|scrub|meadow|cemetery|nature|recreation|pitch|golf|green|farm|orchard|playground|林|绿|公园/i;
const WIDE = /^(highway|motorway|trunk|primary)/, MAIN = /^(major_road|medium_road|secondary|tertiary)/, SMALL = /path|track|foot|pedestrian|cycle|steps|other/, RAIL = /rail|transit|subway|tram/;
let asked = null;

function library() {
  asked ??= new Promise((found, failed) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => found(window.protomapsL);
    script.onerror = () => { asked = null; failed(new Error("the library of the map's ground did not come")); };
    document.head.append(script);
  });
  return asked;
}

const sortOf = (name) => LAYERS.find(([, words]) => words.test(name))?.[0] ?? "other";
const kindOf = ({ props }) => String(props.kind ?? props.class ?? props.fclass ?? props.type ?? props.highway ?? props.landuse ?? "");
const detailOf = ({ props }) => `${props.kind_detail ?? props.subclass ?? ""} ${props.highway ?? ""}`;
const nameOf = ({ props }) => NAMES.map((key) => props[key]).find((text) => typeof text === "string" && text) ?? "";

// Width in pixels at a zoom: doubled every other step, as streets do that are drawn a little too wide from afar.
const grown = (at16, zoom) => Math.max(0.4, at16 * 2 ** ((zoom - 16) * 0.75));
function roadWidth(zoom, feature) {
  const kind = kindOf(feature), detail = detailOf(feature);
  if (RAIL.test(kind)) return grown(1.5, zoom);
  if (WIDE.test(kind) || /motorway|trunk|primary/.test(detail)) return grown(9, zoom);
  if (MAIN.test(kind) || /secondary|tertiary/.test(detail)) return grown(7, zoom);
  return SMALL.test(kind) ? grown(1.2, zoom) : grown(4.5, zoom);
}

function paintRules(P, layers) {
  const [land, water, green, building, edge, road, wide, rail] = ["land", "water", "green", "building", "road-edge", "road", "road-wide", "rail"].map((name) => colour(`--map-${name}`));
  const of = (sort) => layers.filter((name) => sortOf(name) === sort);
  const areas = (sort, options, filter = () => true) => of(sort).map((dataLayer) => ({ dataLayer, symbolizer: new P.PolygonSymbolizer(options), filter: (zoom, f) => f.geomType === AREA && filter(f) }));
  const lines = (sort, options, filter = () => true, minzoom = 0) => of(sort).map((dataLayer) => ({ dataLayer, minzoom, symbolizer: new P.LineSymbolizer({ lineCap: "round", lineJoin: "round", ...options }), filter: (zoom, f) => f.geomType === LINE && filter(f) }));
  const train = (f) => RAIL.test(kindOf(f));
  const small = (f) => SMALL.test(kindOf(f)) && !train(f);
  const street = (f) => !small(f) && !train(f);
  return [
    ...areas("earth", { fill: land }),
    ...areas("green", { fill: green }, (f) => GREEN.test(`${kindOf(f)} ${detailOf(f)}`) || !kindOf(f)),
    ...areas("water", { fill: water }),
    ...lines("water", { color: water, width: (zoom) => grown(3, zoom) }),
    ...areas("other", { fill: building, opacity: 0.4 }),
    ...areas("building", { fill: building, stroke: edge, width: 0.5 }),
    ...areas("road", { fill: road }),
    ...lines("other", { color: edge, width: 1 }),
    ...lines("road", { color: rail, width: (zoom) => grown(1.5, zoom), dash: [6, 3], dashColor: rail, dashWidth: 1.5 }, train, 12),
    ...lines("road", { color: edge, width: (zoom) => grown(1.2, zoom) }, small, 15),
    ...lines("road", { color: edge, width: (zoom, f) => roadWidth(zoom, f) + 1.5 }, street),
    ...lines("road", { color: (zoom, f) => (WIDE.test(kindOf(f)) || /motorway|trunk|primary/.test(detailOf(f)) ? wide : road), width: (zoom, f) => roadWidth(zoom, f) }, street),
  ];
}

function labelRules(P, layers) {
  const family = getComputedStyle(document.body).fontFamily;
  const [ink, halo] = [colour("--map-text"), colour("--map-halo")];
  const text = { labelProps: NAMES, fill: ink, stroke: halo, font: `500 13px ${family}` };
  const named = (f) => { const name = nameOf(f); return name && name.length <= LONGEST_NAME; };
  const sorted = (sorts) => layers.filter((name) => sorts.includes(sortOf(name)));
  return [
    ...sorted(["road"]).map((dataLayer) => ({ dataLayer, minzoom: 14, symbolizer: new P.LineLabelSymbolizer({ ...text, width: 3, position: 2, repeatDistance: 300 }), filter: (zoom, f) => f.geomType === LINE && named(f) && (zoom > 15 || !SMALL.test(kindOf(f))) })),
    ...sorted(["other", "building", "green", "water", "road"]).map((dataLayer) => ({ dataLayer, minzoom: 14, symbolizer: new P.CenteredTextSymbolizer({ ...text, font: `400 12px ${family}`, width: 2, lineHeight: 1.3 }), filter: (zoom, f) => f.geomType === POINT && named(f) && (zoom > 15 || /park|water|place|neighb|suburb|quarter|station|地名|社区/i.test(`${dataLayer} ${kindOf(f)}`) || sortOf(dataLayer) === "water") })),
  ];
}

// A layer for the map, or null where there is no ground or it cannot be drawn: then the outlines stand on plain paper.
export async function groundOf(L, ground) {
  if (!ground) return null;
  const options = { pane: "ground", bounds: ground.box, minZoom: ground.min, maxZoom: 19, noWrap: true };
  if (ground.kind === "picture") return L.tileLayer(ground.tiles, { ...options, maxNativeZoom: ground.max, className: "map-picture" });
  try {
    const P = await library();
    const rules = () => ({ paintRules: paintRules(P, ground.layers), labelRules: labelRules(P, ground.layers), backgroundColor: colour("--map-land") });
    const layer = P.leafletLayer({ ...options, url: ground.tiles, maxDataZoom: ground.max, attribution: "", ...rules() });
    // the shell changes to night colours by itself
    layer.recolour = () => { Object.assign(layer, rules()); layer.clearLayout(); layer.rerenderTiles(); };
    return layer;
  } catch { return null; }
}

// Puts the ground below everything else, with the words of whose map it is; gives it, or null.
export async function layGround(L, map, box) {
  const ground = JSON.parse(box.dataset.ground || "null");
  const layer = await groundOf(L, ground);
  if (!layer || !box.isConnected || !map.getContainer()) return null;
  map.createPane("ground").style.zIndex = 150;
  layer.on("load", () => { box.dataset.grounded = ground.kind; }).addTo(map);
  const words = L.control({ position: "bottomright" });
  words.onAdd = () => Object.assign(L.DomUtil.create("div", "map-words"), { textContent: ground.words });
  words.addTo(map);
  return layer;
}

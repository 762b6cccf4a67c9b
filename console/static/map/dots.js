// Homes as dots on one canvas: 7,198 objects of the library would take a second, 7,198 circles take some milliseconds.
import { colour } from "./library.js";

const REACH = 8; // pixels beside a dot that still meet it

export function dotsOf(L) {
  return L.Layer.extend({
    initialize(homes, met) { Object.assign(this, { _homes: homes, _met: met, _radius: 0, _dark: new Set() }); },

    onAdd(map) {
      const pane = map.getPane("dots") ?? map.createPane("dots"); // above the outlines, below the signs
      this._canvas = L.DomUtil.create("canvas", "map-dots leaflet-zoom-hide", pane);
      map.on("moveend zoomend resize viewreset", this._draw, this).on("click", this._clicked, this);
      this._draw();
    },

    onRemove(map) {
      this._canvas.remove();
      map.off("moveend zoomend resize viewreset", this._draw, this).off("click", this._clicked, this);
    },

    // `radius` in pixels, 0: none. A dark home is a thick ring, one of which nothing is known a thin one: their colours
    // are not alone.
    show(radius, dark) {
      this._radius = radius;
      this._dark = dark;
      if (this._map) this._draw();
    },

    _draw() {
      const size = this._map.getSize();
      const scale = window.devicePixelRatio || 1;
      const corner = this._map.containerPointToLayerPoint([0, 0]);
      L.DomUtil.setPosition(this._canvas, corner);
      Object.assign(this._canvas, { width: size.x * scale, height: size.y * scale });
      Object.assign(this._canvas.style, { width: `${size.x}px`, height: `${size.y}px` });
      if (!this._radius) return;
      const paper = this._canvas.getContext("2d");
      paper.scale(scale, scale);
      const [good, bad, unknown, panel] = [colour("--brand"), colour("--em"), colour("--unknown"), colour("--panel")];
      const { lon, lat, code, heard } = this._homes;
      const rings = [];
      const unheard = [];
      paper.fillStyle = good;
      paper.globalAlpha = 0.8;
      paper.beginPath();
      for (let i = 0; i < lon.length; i += 1) {
        const at = this._map.latLngToContainerPoint([lat[i], lon[i]]);
        if (at.x < -9 || at.y < -9 || at.x > size.x + 9 || at.y > size.y + 9) continue;
        if (this._dark.has(code[i])) { rings.push(at); continue; }
        if (!heard[i]) { unheard.push(at); continue; }
        paper.moveTo(at.x + this._radius, at.y);
        paper.arc(at.x, at.y, this._radius, 0, 2 * Math.PI);
      }
      paper.fill();
      Object.assign(paper, { globalAlpha: 1, strokeStyle: unknown, lineWidth: 1 });
      paper.beginPath();
      for (const at of unheard) {
        paper.moveTo(at.x + this._radius, at.y);
        paper.arc(at.x, at.y, this._radius, 0, 2 * Math.PI);
      }
      paper.stroke();
      Object.assign(paper, { strokeStyle: bad, fillStyle: panel, lineWidth: 2 });
      for (const at of rings) {
        paper.beginPath();
        paper.arc(at.x, at.y, this._radius + 1, 0, 2 * Math.PI);
        paper.fill();
        paper.stroke();
      }
    },

    // Only where each home can be told from its neighbours.
    _clicked(event) {
      if (this._radius < 6) return;
      const { lon, lat, code } = this._homes;
      let best = { far: this._radius + REACH, i: -1 };
      for (let i = 0; i < lon.length; i += 1) {
        if (Math.abs(lat[i] - event.latlng.lat) > 0.001 || Math.abs(lon[i] - event.latlng.lng) > 0.001) continue;
        const far = this._map.latLngToContainerPoint([lat[i], lon[i]]).distanceTo(event.containerPoint);
        if (far < best.far && code[i]) best = { far, i };
      }
      if (best.i >= 0) this._met(best.i);
    },
  });
}

// The grid of a roster by keys: the arrows, Home and End go from cell to cell, Enter opens one. One cell is in the order
// of the tab key, so that one press leaves the grid. Without this script each cell is a link as any other.
import { onPage } from "./shell/page.js";

onPage(".roster", (table, life) => {
  const rows = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("a.roster-cell")]).filter((row) => row.length);
  if (!rows.length) return;
  const all = rows.flat();
  const hold = (cell) => all.forEach((one) => { one.tabIndex = one === cell ? 0 : -1; });
  hold(table.querySelector("td.today a.roster-cell") || all[0]);
  life.on(table, "focusin", (event) => { if (all.includes(event.target)) hold(event.target); });
  life.on(table, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const y = rows.findIndex((row) => row.includes(event.target));
    if (y < 0) return;
    const x = rows[y].indexOf(event.target);
    const next = {
      ArrowLeft: rows[y][x - 1], ArrowRight: rows[y][x + 1], ArrowUp: rows[y - 1]?.[x], ArrowDown: rows[y + 1]?.[x],
      Home: rows[y][0], End: rows[y][rows[y].length - 1],
    };
    if (!(event.key in next)) return;
    event.preventDefault(); // at an edge the page would scroll away from the grid
    next[event.key]?.focus();
  });
});

// Charts of a resident over a day, a week or a year, or of an alert's time (data-from, data-to: s since 1970): a line
// (mean) in a band (lowest to highest), a sentence, and a table for people who do not see the picture. Refreshed once a
// minute; the length chosen on a resident's page is in the address.
import { onPage } from "./shell/page.js";

const DAY_S = 86400;
const LENGTHS = { day: DAY_S, week: 7 * DAY_S, year: 365 * DAY_S };
let chosen = "day";

function words(seconds, withDay) {
  const day = { month: "2-digit", day: "2-digit" };
  const time = { hour: "2-digit", minute: "2-digit" };
  const parts = { day: withDay ? { ...day, ...time } : time, week: { ...day, ...(withDay ? time : {}) }, year: { year: "2-digit", ...day, ...(withDay ? { hour: "2-digit" } : {}) } }[chosen];
  return new Date(seconds * 1000).toLocaleString("zh-CN", { ...parts, timeZone: "Asia/Shanghai" });
}

function span(figure) {
  const now = Date.now() / 1000;
  const { from, to } = figure.dataset;
  return from ? [Number(from), Math.min(Number(to), now)] : [now - LENGTHS[chosen], now];
}

// One channel; of a pressure its two halves, which are one measurement: the upper line and the lower, dashed one.
async function load(figure) {
  const { resident, channel, second } = figure.dataset;
  const length = chosen;
  const [since, until] = span(figure);
  const [from, to] = [new Date(since * 1000), new Date(until * 1000)];
  const answers = await Promise.all([channel, second].filter(Boolean).map((one) => {
    const query = new URLSearchParams({ channel: one, from: from.toISOString(), to: to.toISOString() });
    return fetch(`/api/residents/${encodeURIComponent(resident)}/series?${query}`);
  }));
  if (!answers.every((answer) => answer.ok)) return;
  const all = await Promise.all(answers.map((answer) => answer.json()));
  if (length === chosen) draw(figure, all); // another length was chosen while this one was on its way
}

// What a point of the line is: a reading, or the mean of so many minutes or hours.
function stepWords(figure, seconds) {
  const [minutes, hours] = (figure.dataset.steps ?? "|").split("|");
  if (!seconds) return figure.dataset.readings ?? "";
  return seconds < 3600 ? minutes.replace("{n}", seconds / 60) : hours.replace("{n}", seconds / 3600);
}

const rounded = (value) => (value == null ? "—" : +value.toFixed(1));

function sentence(figure, data, name) {
  const facts = { n: data.n, points: data.time.length, step: stepWords(figure, data.step_s), low: Math.min(...data.low), high: Math.max(...data.high), mean: data.of_all };
  const text = data.time.length
    ? figure.dataset.summary.replace(/\{(\w+)\}/g, (_, key) => (typeof facts[key] === "number" ? rounded(facts[key]) : facts[key]))
    : figure.dataset.empty;
  return name ? `${name}${figure.dataset.colon ?? ": "}${text}` : text;
}

function draw(figure, all) {
  const summary = figure.querySelector(".summary");
  const canvas = figure.querySelector(".canvas");
  canvas.replaceChildren();
  if (!all.some((data) => data.time.length)) { summary.textContent = figure.dataset.empty; figure.querySelector(".scroll").replaceChildren(); return; }
  const names = (figure.dataset.names ?? "").split("|");
  summary.replaceChildren(...all.map((data, i) => {
    const line = document.createElement("span");
    line.textContent = sentence(figure, data, names[i]);
    return line;
  }));
  const columns = all.length === 1 ? [all[0].time, all[0].low, all[0].high, all[0].mean] : uPlot.join(all.map((data) => [data.time, data.low, data.high, data.mean]));
  const colour = (token) => getComputedStyle(document.documentElement).getPropertyValue(token);
  const edge = { stroke: colour("--chart-edge"), width: 1 };
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--chart-grid") }, font: "12px system-ui" };
  const clock = (u, ticks) => ticks.map((t) => words(t, false));
  new uPlot({
    width: Math.max(260, canvas.clientWidth), height: 190, legend: { show: false }, cursor: { drag: { x: false, y: false } },
    scales: { x: { range: () => span(figure) }, y: { range: (u, low, high) => [low - Math.max(1, (high - low) * 0.15), high + Math.max(1, (high - low) * 0.15)] } },
    series: [{}, ...all.flatMap((_, i) => [edge, edge, { stroke: colour("--chart-line"), width: 2, dash: i ? [6, 4] : undefined, spanGaps: all.length > 1 }])],
    bands: all.map((_, i) => ({ series: [3 * i + 2, 3 * i + 1], fill: colour("--chart-band") })),
    axes: [{ ...axis, values: clock }, { ...axis, size: 58 }],
  }, columns, canvas);
  const both = (row, text) => all.map((_, i) => text(3 * i, row)).join(" / ");
  const rows = columns[0].map((t, row) => [
    words(t, true), both(row, (at) => columns[at + 3][row] ?? "—"), both(row, (at) => (columns[at + 1][row] == null ? "—" : `${columns[at + 1][row]}–${columns[at + 2][row]}`)),
  ]).reverse();
  const table = document.createElement("table");
  for (const row of [[figure.dataset.time, figure.dataset.mean, figure.dataset.range], ...rows.slice(0, 300)]) {
    const line = table.insertRow();
    row.forEach((text) => { line.insertCell().textContent = text; });
  }
  figure.querySelector(".scroll").replaceChildren(table);
}

onPage("figure.chart", (_figure, life) => {
  const buttons = [...document.querySelectorAll("button[data-length]")];
  const all = () => document.querySelectorAll("figure.chart").forEach(load);

  function choose(length) {
    chosen = length;
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.length === length)));
    if (buttons.length) history.replaceState(history.state, "", `#${length}`);
    all();
  }

  buttons.forEach((button) => button.addEventListener("click", () => choose(button.dataset.length)));
  choose(location.hash.slice(1) in LENGTHS ? location.hash.slice(1) : "day");
  life.every(60000, all);
});

document.addEventListener("part:ready", () => document.querySelectorAll("figure.chart").forEach(load)); // figures came

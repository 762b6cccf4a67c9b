// The charts of a resident, of the last 24 hours or of an alert's time (data-from, data-to: s since 1970): a line (mean)
// in a band (lowest to highest), a sentence, and a table for those who do not see the picture. Refreshed once a minute.
const DAY_S = 86400;

function span(figure) {
  const now = Date.now() / 1000;
  const { from, to } = figure.dataset;
  return from ? [Number(from), Math.min(Number(to), now)] : [now - DAY_S, now];
}

async function load(figure) {
  const { resident, channel } = figure.dataset;
  const [since, until] = span(figure);
  const [from, to] = [new Date(since * 1000), new Date(until * 1000)];
  const query = new URLSearchParams({ channel, from: from.toISOString(), to: to.toISOString() });
  const answer = await fetch(`/api/residents/${encodeURIComponent(resident)}/series?${query}`);
  if (answer.ok) draw(figure, await answer.json());
}

function draw(figure, data) {
  const summary = figure.querySelector(".summary");
  const canvas = figure.querySelector(".canvas");
  canvas.replaceChildren();
  if (!data.time.length) { summary.textContent = figure.dataset.empty; return; }
  const mean = data.mean.reduce((sum, value) => sum + value, 0) / data.mean.length;
  const words = { n: data.time.length, low: Math.min(...data.low), high: Math.max(...data.high), mean: mean.toFixed(1) };
  summary.textContent = figure.dataset.summary.replace(/\{(\w+)\}/g, (_, name) => typeof words[name] === "number" ? +words[name].toFixed(1) : words[name]);
  const axis = { stroke: "#526468", grid: { stroke: "#e4ebec" }, font: "12px system-ui" };
  const clock = (u, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Shanghai" }));
  new uPlot({
    width: Math.max(260, canvas.clientWidth), height: 190, legend: { show: false }, cursor: { drag: { x: false, y: false } },
    scales: { x: { range: () => span(figure) }, y: { range: (u, low, high) => [low - Math.max(1, (high - low) * 0.15), high + Math.max(1, (high - low) * 0.15)] } },
    series: [{}, { stroke: "#8fb9bd", width: 1 }, { stroke: "#8fb9bd", width: 1 }, { stroke: "#0b5c63", width: 2 }],
    bands: [{ series: [2, 1], fill: "#0b5c6322" }],
    axes: [{ ...axis, values: clock }, { ...axis, size: 46 }],
  }, [data.time, data.low, data.high, data.mean], canvas);
  const rows = data.time.map((t, i) => [new Date(t * 1000).toLocaleTimeString("zh-CN", { timeZone: "Asia/Shanghai" }), data.mean[i], `${data.low[i]}–${data.high[i]}`]).reverse();
  const table = document.createElement("table");
  for (const row of [[figure.dataset.time, figure.dataset.mean, figure.dataset.range], ...rows.slice(0, 300)]) {
    const line = table.insertRow();
    row.forEach((text) => { line.insertCell().textContent = text; });
  }
  figure.querySelector(".scroll").replaceChildren(table);
}

function ages() {
  for (const time of document.querySelectorAll("time[data-since]")) {
    const s = Math.max(0, Math.floor((Date.now() - Number(time.dataset.since)) / 1000));
    time.textContent = s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
  }
}

const figures = [...document.querySelectorAll("figure.chart")];
const all = () => figures.forEach(load);
all();
ages();
setInterval(all, 60000);
setInterval(ages, 5000);

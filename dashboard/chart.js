// Charts over time, on uPlot: stacked bars and points, with a legend, a tip at the pointer, and a table of the
// same figures for those who read instead of look.

import { h, replace } from "./dom.js";
import { dayOf, hourOf, tickOf, timeOfDay } from "./format.js";
import { table } from "./panel.js";

const HEIGHT = 190;
/** More lines than this are one: "others". */
const MOST_SERIES = 8;
const COLOURS = 8;

const grains = {
  hour: { words: hourOf, step: 3600, head: "Hour" },
  day: { words: dayOf, step: 86_400, head: "Day (UTC)" },
  moment: { words: timeOfDay, step: 0, head: "Time" },
};

const charts = new Set();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.redraw()));

export class Chart {
  /** `format` writes a value with its unit; `kind` is `bars` (stacked) or `points` (on a logarithmic scale). */
  constructor(label, { kind = "bars", format, height = HEIGHT }) {
    Object.assign(this, { label, kind, format, height, colours: new Map(), data: null, plot: null });
    this.legend = h("ul", { class: "legend" });
    this.canvas = h("div", { class: "plot", role: "img", "aria-label": label });
    this.tip = h("div", { class: "tip", hidden: true });
    this.tableBody = h("div");
    this.details = h("details", { class: "figures", ontoggle: () => this.fillTable() },
      h("summary", null, "Table", h("span", { class: "unseen" }, ` of ${label}`)), this.tableBody);
    this.element = h("figure", null, this.legend, this.canvas, this.details);
    new ResizeObserver(() => this.fit()).observe(this.canvas);
    charts.add(this);
  }

  /** `times` in seconds, rising; `series` as `{ name, values, colour? }`. */
  set(times, series, { grain = "hour", format = this.format, label = this.label } = {}) {
    this.format = format;
    const shown = this.kind === "bars" ? largest(series) : series;
    const same = this.data?.grain === grain && this.data.series.map((s) => s.name).join("\n") === shown.map((s) => s.name).join("\n");
    this.data = { times, series: shown, all: series, grain };
    this.canvas.setAttribute("aria-label", `${label}. ${shown.map((s) => `${s.name}: ${format(total(s))}`).join(", ")}. The table below has each figure.`);
    this.fillLegend();
    if (this.details.open) this.fillTable();
    if (same && this.plot) this.plot.setData(this.columns());
    else this.redraw();
  }

  /** Rows for a file: all series, also those that are drawn as one. */
  rows() {
    const { times, all, grain } = this.data;
    const iso = (time) => new Date(time * 1000).toISOString();
    return [[grains[grain].head.toLowerCase().split(" ")[0], ...all.map((s) => s.name)],
      ...times.map((time, at) => [iso(time), ...all.map((s) => s.raw?.[at] ?? s.values[at])])];
  }

  colour(series) {
    if (series.colour) return token(series.colour);
    if (!this.colours.has(series.name)) this.colours.set(series.name, this.colours.size % COLOURS);
    return token(`--series-${this.colours.get(series.name) + 1}`);
  }

  fillLegend() {
    const items = this.data.series.map((series) =>
      h("li", null, h("span", { class: "swatch", style: { background: this.colour(series) } }),
        h("span", null, series.name), h("b", null, series.told ?? this.format(total(series)))));
    replace(this.legend, items);
  }

  fillTable() {
    if (!this.data || !this.details.open) return;
    const { times, series, grain } = this.data;
    const rows = times.map((time, at) => [time, at]).reverse().filter(([, at]) => series.some((s) => s.values[at]));
    replace(this.tableBody, table(`${this.label}, as a table`,
      [[grains[grain].head], ...series.map((s) => [s.name, "number"])],
      rows.map(([time, at]) => h("tr", null, h("th", { scope: "row" }, grains[grain].words(time)),
        series.map((s) => h("td", { class: "number" }, this.format(s.values[at] ?? 0)))))));
  }

  /** What uPlot draws: stacked sums, the whole first, so that each is drawn over the one that holds it. */
  columns() {
    const { times, series } = this.data;
    if (this.kind === "points") return [times, ...series.map((s) => s.values)];
    let below = times.map(() => 0);
    const sums = series.map((s) => (below = below.map((sum, at) => sum + (s.values[at] ?? 0))));
    return [times, ...sums.reverse()];
  }

  fit() {
    const width = this.canvas.clientWidth;
    if (width > 0 && this.plot && this.plot.width !== width) this.plot.setSize({ width, height: this.height });
    else if (width > 0 && !this.plot && this.data) this.redraw();
  }

  redraw() {
    this.plot?.destroy();
    this.plot = null;
    const width = this.canvas.clientWidth;
    if (!this.data || width === 0) return;
    this.fillLegend();
    this.plot = new uPlot(this.options(width), this.columns(), this.canvas);
    this.tip.hidden = true;
    this.plot.over.append(this.tip);
  }

  options(width) {
    const { grain } = this.data;
    const quiet = token("--quiet");
    const axis = {
      stroke: quiet, font: "11px system-ui, sans-serif", ticks: { show: false },
      grid: { stroke: token("--line"), width: 1 },
    };
    const half = grains[grain].step / 2;
    return {
      width, height: this.height,
      padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      tzDate: (time) => (grain === "day" ? uPlot.tzDate(new Date(time * 1e3), "UTC") : new Date(time * 1e3)),
      scales: {
        x: { range: (_, min, max) => [min - half, max + half] },
        y: this.kind === "points" ? { distr: 3 } : { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
      },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 64, values: (_, ticks) => ticks.map((tick) => tickOf(tick, grain)) },
        { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => (tick === null ? null : this.format(tick))), space: 34 },
      ],
      series: [{}, ...this.lines()],
      hooks: { setCursor: [(plot) => this.point(plot)] },
    };
  }

  lines() {
    const { series } = this.data;
    if (this.kind === "points") {
      return series.map((s) => ({
        stroke: this.colour(s), paths: () => null,
        points: { show: true, size: 4.5, fill: this.colour(s), stroke: this.colour(s), width: 0 },
      }));
    }
    const bars = uPlot.paths.bars({ size: [0.78, 34] });
    return [...series].reverse().map((s) => ({
      fill: this.colour(s), stroke: this.colour(s), width: 0, paths: bars, points: { show: false },
    }));
  }

  point(plot) {
    const at = plot.cursor.idx;
    if (at === null || at === undefined || plot.cursor.left < 0) {
      this.tip.hidden = true;
      return;
    }
    const { times, series, grain } = this.data;
    const items = series.filter((s) => s.values[at]).map((s) =>
      h("li", null, h("span", { class: "swatch", style: { background: this.colour(s) } }), h("span", null, s.name), h("b", null, this.format(s.values[at]))));
    replace(this.tip, h("p", null, grains[grain].words(times[at])), items.length ? h("ul", null, [...items].reverse()) : h("p", null, "nothing"));
    this.tip.hidden = false;
    const left = plot.valToPos(times[at], "x");
    const flip = left > plot.over.clientWidth / 2;
    this.tip.style.setProperty("left", flip ? "auto" : `${left + 14}px`);
    this.tip.style.setProperty("right", flip ? `${plot.over.clientWidth - left + 14}px` : "auto");
  }
}


const total = (series) => series.values.reduce((sum, value) => sum + (value ?? 0), 0);

/** The largest ones by name, so that colours stay where they are, and the rest as one. */
function largest(series) {
  if (series.length <= MOST_SERIES) return series;
  const ranked = [...series].sort((a, b) => total(b) - total(a));
  const kept = new Set(ranked.slice(0, MOST_SERIES - 1));
  const rest = ranked.slice(MOST_SERIES - 1);
  const values = series[0].values.map((_, at) => rest.reduce((sum, s) => sum + (s.values[at] ?? 0), 0));
  return [...series.filter((s) => kept.has(s)), { name: `${rest.length} others`, values, colour: "--series-rest" }];
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// What was used in the chosen time: sums, cost, requests and tokens, personal data, injection.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { h, replace, tabs } from "./dom.js";
import { count, nano, percent, short, usd } from "./format.js";
import { Panel, table } from "./panel.js";

const HOUR = 3600;
const DAY = 24 * HOUR;

/** The gateway groups: a page of 90 days asks for days, not for hours. */
export const RANGES = {
  "24h": { words: "24 h", buckets: 24, grain: "hour" },
  "7d": { words: "7 d", buckets: 7 * 24, grain: "hour" },
  "30d": { words: "30 d", buckets: 30, grain: "day" },
  "90d": { words: "90 d", buckets: 90, grain: "day" },
};

/** The starts of the range's buckets, in seconds: the last one is now's. */
export function buckets({ buckets, grain }, now = Date.now() / 1000) {
  const step = grain === "day" ? DAY : HOUR;
  const last = Math.floor(now / step) * step;
  return Array.from({ length: buckets }, (_, at) => last - (buckets - 1 - at) * step);
}

export class Usage {
  constructor(who) {
    this.who = who;
    this.range = "24h";
    this.dimension = "provider";
    this.metric = "requests";
    this.sums = h("dl", { class: "tiles", "aria-label": "Sums of the chosen time" });
    this.panels = [this.costPanel(), this.requestsPanel(), this.privacyPanel(), this.injectionPanel()];
  }

  costPanel() {
    this.costChart = new Chart("Cost", { format: usd });
    this.cost = new Panel("cost", "Cost", {
      controls: [tabs("Cost by", [...Object.entries(DIMENSIONS).map(([key, { words }]) => [key, words]), ...this.who.tags.map((tag) => [TAG + tag, tag])], this.dimension, (key) => {
        this.dimension = key;
        // What each team has does not depend on how the cost is split.
        this.load(this.teamsOf === this.range ? this.teams : null);
      })],
      csv: () => this.costChart.rows(),
    });
    return this.cost;
  }

  requestsPanel() {
    this.requestsChart = new Chart("Requests", { format: short });
    this.requests = new Panel("requests", "Traffic", {
      controls: [tabs("Traffic as", Object.entries(METRICS).map(([key, { words }]) => [key, words]), this.metric, (key) => {
        this.metric = key;
        this.drawTraffic();
      })],
      csv: () => this.requestsChart.rows(),
    });
    return this.requests;
  }

  privacyPanel() {
    this.privacyChart = new Chart("Personal data found", { format: short });
    this.privacyTeams = h("div");
    this.privacy = new Panel("privacy", "Personal data kept inside", { csv: () => this.privacyChart.rows() });
    this.privacyContent = h("div", null, this.privacyChart.element, this.privacyTeams);
    return this.privacy;
  }

  injectionPanel() {
    this.injectionChart = new Chart("Injection verdicts", { format: short });
    this.injection = new Panel("injection", "Injection verdicts", { csv: () => this.injectionChart.rows() });
    return this.injection;
  }

  /** One question, or two: the gateway groups, and sums over all are sums of its groups. A newer call takes the
   * place of an older one. */
  async load(known = null) {
    this.asked?.abort();
    const asked = (this.asked = new AbortController());
    const shown = this.range;
    const range = RANGES[shown];
    const times = buckets(range);
    const from = new Date(times[0] * 1000).toISOString();
    const rows = async (group) => (await get("v1/usage", { from, group_by: group }, asked.signal)).rows;
    try {
      const byTeam = this.dimension === "team";
      const [all, teams] = await Promise.all([rows(`${range.grain},${this.dimension}`), known ?? (byTeam ? null : rows("team"))]);
      if (asked.signal.aborted) return;
      Object.assign(this, { times, grain: range.grain, all, teams: teams ?? all, teamsOf: shown });
      this.draw();
    } catch (error) {
      if (!asked.signal.aborted) this.panels.forEach((panel) => panel.fail(error));
    }
  }

  draw() {
    const sums = this.sum();
    this.drawSums(sums);
    const { column } = DIMENSIONS[this.dimension] ?? { column: "tag" };
    const cost = this.series(this.all, (row) => [[row[column] ?? UNTAGGED, nano(row.cost_usd)]]);
    this.fill(this.cost, this.costChart, cost.map((s) => ({ ...s, raw: s.values.map((n) => n / 1e9) })), "Nothing was spent in this time.", usd);
    this.drawTraffic();
    this.drawPrivacy();
    const verdicts = [
      { name: "flagged", values: this.values("injection_flagged"), colour: "--warn" },
      { name: "blocked", values: this.values("injection_blocked"), colour: "--bad" },
    ];
    this.fill(this.injection, this.injectionChart, verdicts, "No verdict in this time.", short);
  }

  drawTraffic() {
    if (!this.all) return;
    const metric = METRICS[this.metric];
    const series = metric.series.map(([name, key, colour]) => ({ name, values: this.values(key), colour }));
    this.fill(this.requests, this.requestsChart, series, metric.empty, short);
  }

  drawPrivacy() {
    const types = this.series(this.all, (row) => Object.entries(row.redactions_by_type));
    const found = new Map();
    for (const row of this.teams) {
      const types = found.get(row.team_id) ?? found.set(row.team_id, {}).get(row.team_id);
      for (const [type, n] of Object.entries(row.redactions_by_type)) types[type] = (types[type] ?? 0) + n;
    }
    const teams = [...found].map(([team, types]) => ({ team, types: Object.entries(types).sort((a, b) => b[1] - a[1]) }))
      .map((row) => ({ ...row, total: row.types.reduce((sum, [, n]) => sum + n, 0) }))
      .filter((row) => row.total > 0).sort((a, b) => b.total - a.total);
    replace(this.privacyTeams, table("Personal data by team", [["Team"], ["Found", "number"], ["Of it"]], teams.map((row) =>
      h("tr", { "data-team": row.team }, h("th", { scope: "row" }, row.team), h("td", { class: "number", "data-value": row.total }, count(row.total)),
        h("td", { class: "wrap" }, row.types.slice(0, 4).map(([type, n]) => h("span", { class: "tag" }, `${type} ${count(n)}`)))))));
    this.fill(this.privacy, this.privacyChart, types, "Nothing was found in this time.", short, this.privacyContent);
  }

  fill(panel, chart, series, empty, format, content = chart.element) {
    const any = series.some((s) => s.values.some((value) => value > 0));
    panel.element.dataset.total = series.reduce((sum, s) => sum + s.values.reduce((a, b) => a + b, 0), 0);
    panel.show(any ? content : null, empty);
    if (any) chart.set(this.times, series, { grain: this.grain, format });
  }

  /** One value a bucket. */
  values(key) {
    const place = this.places();
    const values = this.times.map(() => 0);
    for (const row of this.all) if (place.has(row.start)) values[place.get(row.start)] += row[key];
    return values;
  }

  /** A series for each name that `parts` gives: `[name, value]` of a row. */
  series(rows, parts) {
    const place = this.places();
    const found = new Map();
    for (const row of rows) {
      const at = place.get(row.start);
      if (at === undefined) continue;
      for (const [name, value] of parts(row)) {
        if (!found.has(name)) found.set(name, this.times.map(() => 0));
        found.get(name)[at] += value;
      }
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, values]) => ({ name, values }));
  }

  /** Buckets by their start as the API writes it. */
  places() {
    return new Map(this.times.map((time, at) => [new Date(time * 1000).toISOString().replace(".000Z", "Z"), at]));
  }

  sum() {
    const keys = ["requests", "refused", "errors", "fallbacks", "input_tokens", "output_tokens"];
    const sums = Object.fromEntries(keys.map((key) => [key, this.all.reduce((sum, row) => sum + row[key], 0)]));
    sums.cost = this.all.reduce((sum, row) => sum + nano(row.cost_usd), 0);
    sums.found = this.all.reduce((sum, row) => sum + Object.values(row.redactions_by_type).reduce((a, b) => a + b, 0), 0);
    return sums;
  }

  drawSums(sums) {
    const share = (n) => (sums.requests > 0 ? `${percent(n / sums.requests)} of requests` : "");
    const tiles = [
      ["cost", "Cost", usd(sums.cost), sums.requests > 0 ? `${usd(sums.cost / sums.requests)} a request` : "", sums.cost],
      ["requests", "Requests", short(sums.requests), `in ${RANGES[this.range].words}`, sums.requests],
      ["tokens", "Tokens", short(sums.input_tokens + sums.output_tokens), `${short(sums.input_tokens)} in, ${short(sums.output_tokens)} out`, sums.input_tokens + sums.output_tokens],
      ["errors", "Errors", short(sums.errors), share(sums.errors), sums.errors],
      ["fallbacks", "Fallbacks", short(sums.fallbacks), share(sums.fallbacks), sums.fallbacks],
      ["refused", "Refused", short(sums.refused), "by budget or rate", sums.refused],
      ["found", "Redactions", short(sums.found), "places kept inside", sums.found],
    ];
    replace(this.sums, tiles.map(([key, words, value, note, raw]) =>
      h("div", { "data-tile": key, "data-value": raw, class: key === "errors" && raw > 0 ? "bad" : "" }, h("dt", null, words), h("dd", null, h("b", null, value), h("small", null, note || " ")))));
  }
}

const DIMENSIONS = {
  provider: { words: "Provider", column: "provider" },
  model: { words: "Model", column: "model" },
  team: { words: "Team", column: "team_id" },
};
/** Before a tag's name, as the API has it. */
const TAG = "tag:";
/** A caller's value has no parentheses. */
const UNTAGGED = "(untagged)";

const METRICS = {
  requests: { words: "Requests", empty: "No request in this time.", series: [["requests", "requests", "--series-1"], ["refused", "refused", "--warn"]] },
  tokens: { words: "Tokens", empty: "No token in this time.", series: [["input", "input_tokens", "--series-1"], ["output", "output_tokens", "--series-2"]] },
  errors: { words: "Errors", empty: "No error in this time.", series: [["errors", "errors", "--bad"]] },
  fallbacks: { words: "Fallbacks", empty: "No fallback in this time.", series: [["fallbacks", "fallbacks", "--series-4"]] },
};

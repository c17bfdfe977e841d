// The newest audit records: filters, pages, and each record's details. And latency, which they tell of.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { dialog } from "./dialog.js";
import { choice, h } from "./dom.js";
import { bytes, count, millis, nano, stamp, time, usd, words } from "./format.js";
import { Panel, table } from "./panel.js";
import { state } from "./providers.js";

const PAGE = 25;
const SAMPLE = 200;
const OUTCOMES = { answered: "good", denied: "warn", failed: "bad", cancelled: "none", cut_short: "bad", interrupted: "bad" };
const VERDICTS = { pass: "good", flag: "warn", block: "bad" };
const STATUSES = [["", "Any end"], ...Object.keys(OUTCOMES).map((key) => [key, words(key)]), ["4xx", "4xx"], ["429", "429"], ["402", "402"], ["5xx", "5xx"]];
const SINCE = [["", "Any time"], ["3600", "Last hour"], ["86400", "Last day"], ["604800", "Last week"]];

export function auditPanel(who) {
  const filter = { team: "", status: "", since: "" };
  const pages = [null];
  const again = () => {
    pages.length = 1;
    panel.load();
  };
  const teams = h("select", { "aria-label": "Team", hidden: !(who.seesAll && who.seesFigures), onchange: () => ((filter.team = teams.value), again()) }, h("option", { value: "" }, "Any team"));
  const controls = [
    teams,
    choice("How it ended", STATUSES, "", (value) => ((filter.status = value), again())),
    choice("When", SINCE, "", (value) => ((filter.since = value), again())),
  ];
  const panel = new Panel("audit", "Recent requests", {
    controls,
    csv: () => [HEADS.map(([name]) => name), ...panel.entries.map(cells)],
    note: "Newest first. Records hold no word of what was said.",
  });
  const newer = h("button", { type: "button", "data-focus": "newest", onclick: again }, "Newest");
  const older = h("button", { type: "button", "data-focus": "older", onclick: () => (pages.push(panel.next), panel.load()) }, "Older");
  panel.teams = (names) => {
    const known = new Set([...teams.options].map((option) => option.value));
    teams.append(...names.filter((name) => !known.has(name)).map((name) => h("option", { value: name }, name)));
  };
  panel.isNewest = () => pages.length === 1;
  panel.load = async () => {
    const since = filter.since && new Date(Date.now() - Number(filter.since) * 1000).toISOString();
    try {
      const page = await get("v1/audit/recent", { limit: PAGE, team: filter.team, status: filter.status, since, cursor: pages.at(-1) });
      panel.entries = page.entries;
      panel.next = page.next_cursor;
      newer.disabled = pages.length === 1;
      older.disabled = page.next_cursor === null;
      const none = h("p", { class: "placeholder" }, "No record fits.");
      const list = page.entries.length ? table("Recent requests", HEADS.map(([name, kind]) => [name, kind]), page.entries.map(row), { class: "records" }) : none;
      const unfiltered = pages.length === 1 && !Object.values(filter).some(Boolean);
      const empty = page.entries.length === 0 && unfiltered;
      panel.show(empty ? null : h("div", null, list, h("p", { class: "pages" }, newer, older)), "No request was recorded yet.");
    } catch (error) {
      panel.fail(error);
    }
  };
  return panel;
}

const HEADS = [["Time"], ["Team"], ["Asked"], ["Answered by"], ["End"], ["Tokens", "number"], ["Cost", "number"], ["Found", "number"], ["Injection"], ["Took", "number"], ["Ours", "number"]];

const found = (record) => Object.values(record.pii?.by_type ?? {}).reduce((sum, n) => sum + n, 0);
const sumTokens = (usage = {}) => Object.entries(usage).filter(([key]) => /^(input|cache_.*|output)_tokens$/.test(key)).reduce((sum, [, n]) => sum + n, 0);

function cells(record) {
  if (record.action) return [record.time, record.team_id, record.action, record.target_team_id ?? record.target_key_id, String(record.status)];
  return [record.time, record.team_id, record.model_requested, record.provider_used && `${record.provider_used}/${record.model_used}`,
    `${record.outcome} ${record.status}`, sumTokens(record.usage), record.cost_usd, found(record), record.injection?.verdict, record.latency_ms, record.overhead_us / 1000];
}

function row(record) {
  const details = () => show(record);
  const head = h("th", { scope: "row" }, h("button", { type: "button", class: "link", "data-focus": record.request_id, onclick: details, "aria-label": `Details of the record of ${time(record.time)}` }, time(record.time)));
  const props = { "data-record": record.request_id, onclick: (event) => event.target.closest("button") || details() };
  if (record.action) {
    return h("tr", { ...props, class: "act" }, head, h("td", null, record.team_id), h("td", { colspan: 2 }, h("span", { class: "tag" }, words(record.action)), ` ${record.target_team_id ?? record.target_key_id ?? ""}`),
      h("td", { colspan: 7 }, state(String(record.status), record.status < 400 ? "good" : "bad")));
  }
  const fallback = record.fallback_triggered && h("span", { class: "tag" }, "fallback");
  return h("tr", props, head,
    h("td", null, record.team_id ?? "–"),
    h("td", null, record.model_requested ?? h("span", { class: "quiet-text" }, "default"), record.stream && h("span", { class: "tag" }, "stream")),
    h("td", null, record.provider_used ? [h("span", { class: "quiet-text" }, `${record.provider_used} / `), record.model_used] : "–", fallback),
    h("td", null, state(record.outcome, OUTCOMES[record.outcome]), h("small", null, `${record.status} ${record.code ?? ""}`)),
    h("td", { class: "number" }, count(sumTokens(record.usage))),
    h("td", { class: "number", "data-value": nano(record.cost_usd) }, usd(nano(record.cost_usd))),
    h("td", { class: "number", "data-value": found(record) }, count(found(record))),
    h("td", null, record.injection ? state(record.injection.verdict, VERDICTS[record.injection.verdict]) : "–"),
    h("td", { class: "number" }, millis(record.latency_ms)),
    h("td", { class: "number" }, millis(record.overhead_us / 1000)));
}

/** All of a record, in a drawer: words first, then the record as it stands in the trail. */
function show(record) {
  const facts = Object.entries(record).filter(([name, value]) => !CHAIN.has(name) && (typeof value !== "object" || value === null));
  const counters = Object.entries({ ...record.usage, ...record.tags, ...record.changes });
  dialog(record.action ? "An administrator’s act" : "A request", () => h("div", null,
    h("p", null, stamp(h, record.time), " ", h("code", null, record.request_id)),
    record.attempts?.length > 0 && h("section", null, h("h3", null, "Attempts"), table("Attempts", [["Provider"], ["Model"], ["Outcome"], ["Status", "number"], ["Took", "number"], ["Cost", "number"]],
      record.attempts.map((a) => h("tr", null, h("th", { scope: "row" }, a.provider), h("td", null, a.model), h("td", null, state(a.outcome, a.outcome === "ok" ? "good" : "bad")),
        h("td", { class: "number" }, a.status ?? "–"), h("td", { class: "number" }, millis(a.ms)), h("td", { class: "number" }, usd(nano(a.cost_usd))))))),
    found(record) > 0 && h("section", null, h("h3", null, "Personal data"), h("p", null, Object.entries(record.pii.by_type).map(([type, n]) => h("span", { class: "tag" }, `${type} ${count(n)}`)), record.pii.action && ` ${words(record.pii.action)}`)),
    record.injection && h("section", null, h("h3", null, "Injection"), h("p", null, state(record.injection.verdict, VERDICTS[record.injection.verdict]), ` ${record.injection.score} %, ${(record.injection.reasons ?? []).map(words).join(", ")}`)),
    counters.length > 0 && h("section", null, h("h3", null, record.action ? "Set" : "Used"), list(counters)),
    h("section", null, h("h3", null, "Facts"), list(facts)),
    h("details", null, h("summary", null, "As it stands in the trail"), h("pre", { tabindex: "0", role: "region", "aria-label": "The record as JSON" }, JSON.stringify(record, null, 2)))),
  { kind: "drawer" });
}

/** What makes the trail a chain: in the record itself, and no fact of the request. */
const CHAIN = new Set(["v", "seq", "prev", "type", "request_id"]);
const UNITS = [[/_usd$/, (value) => `$${value}`], [/_ms$/, millis], [/_us$/, (value) => millis(value / 1000)], [/_tokens$/, count]];

function list(facts) {
  return h("dl", { class: "facts" }, facts.map(([name, value]) => {
    const unit = typeof value === "number" && UNITS.find(([ending]) => ending.test(name));
    return [h("dt", null, words(unit && !/tokens/.test(name) ? name.replace(/_[^_]*$/, "") : name)), h("dd", null, unit ? unit[1](value) : String(value))];
  }));
}

/** Our own time apart from the upstream's, of the newest answers. */
export function latencyPanel() {
  const chart = new Chart("Latency of the newest answers", { kind: "points", format: millis });
  const panel = new Panel("latency", "Latency", {
    csv: () => chart.rows(),
    note: "The newest answers in one piece. Ours is the gateway’s own time, upstream all the rest; the scale is logarithmic.",
  });
  const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  panel.load = async () => {
    try {
      const { entries } = await get("v1/audit/recent", { limit: SAMPLE, status: "answered" });
      const points = entries.filter((record) => record.overhead_us > 0 && !record.stream).reverse()
        .map((record) => ({ at: new Date(record.time).getTime() / 1000, ours: record.overhead_us / 1000, upstream: Math.max(0.01, record.latency_ms - record.overhead_us / 1000) }))
        .sort((a, b) => a.at - b.at);
      panel.element.dataset.total = points.length;
      panel.show(points.length ? chart.element : null, "No answer yet.");
      if (points.length === 0) return;
      const line = (name, key, colour) => {
        const values = points.map((point) => point[key]);
        const sorted = [...values].sort((a, b) => a - b);
        return { name, values, colour, told: `p50 ${millis(quantile(sorted, 0.5))} · p95 ${millis(quantile(sorted, 0.95))}` };
      };
      chart.set(points.map((point) => point.at), [line("ours", "ours", "--series-1"), line("upstream", "upstream", "--series-2")], { grain: "moment" });
    } catch (error) {
      panel.fail(error);
    }
  };
  return panel;
}

const SINK_STATES = { idle: "good", delivering: "good", failing: "warn", misconfigured: "bad" };

/** The trail itself, and how far each receiver lags behind it. */
export function trailPanel(refreshed) {
  const panel = new Panel("trail", "Audit trail and deliveries", {
    csv: () => [
      ["sink", "kind", "state", "lag", "delivered", "dead_letters", "last_delivered", "last_error"],
      ...panel.trail.sinks.map((s) => [s.name, s.kind, s.state, s.lag, s.delivered, s.dead_letters, s.last_delivered, s.last_error]),
    ],
  });
  panel.load = async () => {
    try {
      panel.trail = await get("v1/audit/status");
      panel.show(trail(panel.trail));
      refreshed(panel.trail);
    } catch (error) {
      panel.fail(error);
    }
  };
  return panel;
}

function trail(t) {
  const fact = (name, key, value) => [h("dt", null, name), h("dd", { "data-fact": key }, value)];
  const unwritten = t.last_seq - t.synced_seq;
  return h("div", null,
    h("dl", { class: "facts" },
      fact("State", "state", t.unwritable ? state(t.unwritable.reason, "bad") : state("written", "good")),
      fact("Records", "last_seq", count(t.last_seq)),
      fact("Not yet on the disk", "unsynced", count(unwritten)),
      fact("Waiting", "queued", count(t.queued)),
      t.dropped > 0 && fact("Lost", "dropped", count(t.dropped)),
      fact("Size", "bytes", `${bytes(t.bytes)} in ${count(t.segments)} ${t.segments === 1 ? "file" : "files"}`)),
    t.sinks.length === 0
      ? h("p", { class: "quiet-line" }, "Records are delivered nowhere: no sink is configured.")
      : table("Deliveries", [["Sink"], ["State"], ["Lag", "number"], ["Delivered", "number"], ["Set aside", "number"], ["Last"]], t.sinks.map((sink) =>
        h("tr", { "data-sink": sink.name }, h("th", { scope: "row" }, sink.name, h("small", null, sink.kind)),
          h("td", null, state(sink.state, SINK_STATES[sink.state]), sink.last_error && h("small", null, sink.last_error)),
          h("td", { class: "number", "data-value": sink.lag }, count(sink.lag)), h("td", { class: "number" }, count(sink.delivered)),
          h("td", { class: "number" }, count(sink.dead_letters)), h("td", null, stamp(h, sink.last_delivered))))));
}


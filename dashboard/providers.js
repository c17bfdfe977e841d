// Providers: how each is, why, since when, and how it came there. Actors: the parts behind them.

import { h } from "./dom.js";
import { away, count, millis, percent, stamp, time, words } from "./format.js";
import { Panel, table } from "./panel.js";

/** What the timeline shows, back from now. */
const TIMELINE_MS = 30 * 60 * 1000;
const STATES = { closed: "good", half_open: "warn", cooldown: "warn", open: "bad", misconfigured: "bad" };
const MOST_CHANGES = 8;

export function providersPanel() {
  const panel = new Panel("providers", "Providers", {
    csv: () => [
      ["provider", "state", "reason", "since", "next_probe_at", "in_flight", "p50_ms", "p95_ms", "error_rate"],
      ...panel.status.providers.map((p) => [p.name, p.state, p.reason, p.since, p.next_probe_at, p.in_flight, p.latency_ms?.p50, p.latency_ms?.p95, p.error_rate]),
    ],
    note: "In flight is now; latencies and errors are of the last minute. The line shows how it was.",
  });
  panel.update = (status) => {
    panel.status = status;
    panel.show(status.providers.length ? content(status) : null, "No provider is configured.");
  };
  return panel;
}

function content(status) {
  const now = Date.now();
  const begun = new Date(status.started_at).getTime();
  const heads = [["Provider"], ["State"], ["Since"], ["Next probe"], ["In flight", "number"], ["p50", "number"], ["p95", "number"], ["Errors", "number"], ["Last 30 min", "wide"]];
  const rows = status.providers.map((provider) =>
    h("tr", { "data-provider": provider.name, "data-state": provider.state },
      h("th", { scope: "row" }, provider.name, h("small", null, `${provider.models.length} models`)),
      h("td", null, state(provider.state), provider.reason && h("small", null, provider.reason)),
      h("td", { "data-label": "since" }, stamp(h, provider.since), h("small", null, away(provider.since, now))),
      h("td", { "data-label": "next probe" }, provider.next_probe_at ? [stamp(h, provider.next_probe_at), h("small", null, away(provider.next_probe_at, now))] : "–"),
      h("td", { class: "number", "data-label": "in flight", "data-value": provider.in_flight }, count(provider.in_flight)),
      h("td", { class: "number", "data-label": "p50" }, millis(provider.latency_ms?.p50)),
      h("td", { class: "number", "data-label": "p95" }, millis(provider.latency_ms?.p95)),
      h("td", { class: `number ${provider.error_rate > 0 ? "failed" : ""}`, "data-label": "errors", "data-value": provider.error_rate }, percent(provider.error_rate)),
      h("td", { class: "wide" }, timeline(provider, begun, now))));
  return h("div", null, table("Providers", heads, rows, { class: "cards" }), changes(status.providers));
}

export const state = (name, kind = STATES[name] ?? "none") => h("span", { class: `state ${kind}` }, words(name));

/** A strip with a piece for each state that it was in; empty before the gateway began. */
function timeline(provider, begun, now) {
  const first = now - TIMELINE_MS;
  const begin = Math.max(first, begun);
  const moves = provider.changes.map((change) => ({ at: new Date(change.at).getTime(), state: change.state }));
  const before = moves.filter((move) => move.at <= begin).pop()?.state ?? "closed";
  const points = [{ at: begin, state: before }, ...moves.filter((move) => move.at > begin)];
  const pieces = points.map((point, at) => {
    const end = points[at + 1]?.at ?? now;
    const left = Math.max(0, (point.at - first) / TIMELINE_MS) * 100;
    const width = Math.max(0, (end - point.at) / TIMELINE_MS) * 100;
    return h("span", { class: STATES[point.state] ?? "none", style: { left: `${left}%`, width: `${width}%` } });
  });
  const troubles = moves.filter((move) => move.at > begin && STATES[move.state] === "bad").length;
  const told = troubles === 0 ? "well for the last 30 minutes" : `opened ${troubles} times in the last 30 minutes`;
  return h("span", { class: "strip", role: "img", "aria-label": told, title: told }, pieces);
}

function changes(providers) {
  const all = providers.flatMap((provider) => provider.changes.map((change) => ({ ...change, name: provider.name })));
  all.sort((a, b) => (a.at < b.at ? 1 : -1));
  if (all.length === 0) return h("p", { class: "quiet-line" }, "No breaker has moved since the start.");
  return h("div", { class: "changes" }, h("h3", null, "Breaker changes"),
    h("ol", null, all.slice(0, MOST_CHANGES).map((change) =>
      h("li", { "data-change": `${change.name} ${change.state}` },
        h("time", { datetime: change.at }, time(change.at)), h("b", null, change.name), state(change.state),
        h("span", { class: "quiet-text" }, change.reason ?? "")))));
}

export function actorsPanel() {
  const panel = new Panel("actors", "Actors", {
    csv: () => [
      ["actor", "alive", "queue", "restarts", "last_error_at"],
      ...panel.actors.map((a) => [a.name, String(a.alive), a.queue, a.restarts, a.last_error_at]),
    ],
  });
  panel.update = ({ actors }) => {
    panel.actors = actors;
    const rows = actors.map((actor) =>
      h("tr", { "data-actor": actor.name },
        h("th", { scope: "row" }, actor.name),
        h("td", null, state(actor.alive ? "alive" : "dead", actor.alive ? "good" : "bad")),
        h("td", { class: "number", "data-value": actor.queue }, count(actor.queue)),
        h("td", { class: "number", "data-value": actor.restarts }, count(actor.restarts)),
        h("td", null, stamp(h, actor.last_error_at))));
    panel.show(table("Actors", [["Actor"], ["State"], ["Queue", "number"], ["Restarts", "number"], ["Last death"]], rows));
  };
  return panel;
}

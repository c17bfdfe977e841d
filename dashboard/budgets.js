// Budgets: what each team has spent and reserved of its day and its month, nearest to its limit first, and an
// administrator's word over the configured limits.

import { ask, get } from "./api.js";
import { confirm, dialog, field } from "./dialog.js";
import { announce, h } from "./dom.js";
import { away, nano, short, usd, words } from "./format.js";
import { Panel } from "./panel.js";

/** From here on a team is near its limit. */
export const NEAR = 0.8;

/** The share of a window that is spent or reserved; a limit of 0 is all used up, no limit is never. */
export function used({ limit_usd, spent_usd, reserved_usd }) {
  if (limit_usd === null) return 0;
  return limit_usd === 0 ? Infinity : (nano(spent_usd) + nano(reserved_usd)) / nano(limit_usd);
}

export const nearness = (budget) => Math.max(used(budget.daily), used(budget.monthly));

export function budgetsPanel(who, refreshed) {
  const panel = new Panel("budgets", "Budgets", {
    csv: () => [
      ["team", "window", "limit_usd", "spent_usd", "reserved_usd", "remaining_usd", "resets_at", "source"],
      ...panel.budgets.flatMap((b) => ["daily", "monthly"].map((w) =>
        [b.team_id, w, b[w].limit_usd, b[w].spent_usd, b[w].reserved_usd, b[w].remaining_usd, b[w].resets_at, b.source])),
    ],
    note: "Spent, + what is reserved for requests under way, of the limit. Windows are UTC days and months.",
  });
  panel.load = async () => {
    try {
      const budgets = who.isAdmin
        ? (await get("v1/budgets")).budgets
        : [await get(`v1/budget/${encodeURIComponent(who.team)}`)];
      panel.budgets = budgets.sort((a, b) => nearness(b) - nearness(a) || (a.team_id < b.team_id ? -1 : 1));
      panel.show(panel.budgets.length ? h("div", { class: "scroll budgets", role: "group", "aria-label": "Budgets of teams", tabindex: "0", "data-focus": "budgets" },
        h("ul", null, panel.budgets.map((budget) => row(budget, who, panel)))) : null, "No team has a budget yet.");
      refreshed(panel.budgets);
    } catch (error) {
      panel.fail(error);
    }
  };
  return panel;
}

function row(budget, who, panel) {
  const near = nearness(budget);
  return h("li", { "data-team": budget.team_id, class: near >= 1 ? "bad" : near >= NEAR ? "warn" : "" },
    h("div", { class: "budget-head" },
      h("b", null, budget.team_id),
      budget.source === "override" && h("span", { class: "tag" }, "override"),
      rates(budget.rate_limits),
      who.isAdmin && h("button", {
        type: "button", class: "quiet", "data-focus": `override ${budget.team_id}`,
        "aria-label": `Change the budget of ${budget.team_id}`, onclick: () => override(budget, panel),
      }, "Change")),
    bar("Day", "daily", budget.daily), bar("Month", "monthly", budget.monthly));
}

function rates({ requests_per_minute: r, tokens_per_minute: t, max_parallel: p }) {
  const told = [
    r.limit !== null && `${short(r.remaining)} of ${short(r.limit)} requests/min left`,
    t.limit !== null && `${short(t.remaining)} of ${short(t.limit)} tokens/min left`,
    p.limit !== null ? `${p.in_flight} of ${p.limit} in flight` : p.in_flight > 0 && `${p.in_flight} in flight`,
  ].filter(Boolean);
  return h("span", { class: "quiet-text" }, told.join(" · "));
}

function bar(name, key, window) {
  const [spent, reserved] = [nano(window.spent_usd), nano(window.reserved_usd)];
  const figures = { "data-window": key, "data-spent": spent, "data-reserved": reserved, "data-limit": window.limit_usd === null ? "none" : nano(window.limit_usd) };
  const reset = h("span", { class: "quiet-text", title: new Date(window.resets_at).toLocaleString() }, `resets ${away(window.resets_at)}`);
  if (window.limit_usd === null) {
    return h("div", { class: "budget-bar", ...figures }, h("span", null, name), h("span", { class: "track none" }),
      h("span", null, h("b", null, usd(spent)), reserved > 0 && h("span", { title: "reserved for requests under way" }, ` + ${usd(reserved)}`), ", no limit"), reset);
  }
  const limit = nano(window.limit_usd);
  const share = (part) => `${limit === 0 ? 100 : Math.min(100, (part / limit) * 100)}%`;
  const full = used(window);
  const kind = full >= 1 ? "bad" : full >= NEAR ? "warn" : "good";
  const told = limit === 0 ? "blocked: the limit is 0" : `${Math.round(full * 100)} % of ${usd(limit)}`;
  return h("div", { class: "budget-bar", ...figures },
    h("span", null, name),
    h("span", { class: `track ${kind}`, role: "img", "aria-label": told },
      h("span", { class: "spent", style: { width: share(spent) } }),
      h("span", { class: "reserved", style: { width: share(reserved) } })),
    h("span", null, h("b", null, usd(spent)), reserved > 0 && h("span", { title: "reserved for requests under way" }, ` + ${usd(reserved)}`), ` of ${usd(limit)}`,
      h("span", { class: "quiet-text" }, limit === 0 ? " · blocked" : ` · ${usd(Math.max(0, nano(window.remaining_usd)))} left`)),
    reset);
}

const FIELDS = [
  ["daily_limit_usd", "Daily limit, US dollars", (b) => b.daily.limit_usd],
  ["monthly_limit_usd", "Monthly limit, US dollars", (b) => b.monthly.limit_usd],
  ["requests_per_minute", "Requests a minute", (b) => b.rate_limits.requests_per_minute.limit],
  ["tokens_per_minute", "Tokens a minute", (b) => b.rate_limits.tokens_per_minute.limit],
  ["max_parallel", "Requests at the same time", (b) => b.rate_limits.max_parallel.limit],
];

/** Which limits to set, then the question, then the deed. What is left empty is the configuration's. */
async function override(budget, panel) {
  const path = `v1/budget/${encodeURIComponent(budget.team_id)}`;
  const wanted = await dialog(`Budget of ${budget.team_id}`, (done) => {
    const problem = h("p", { class: "failed", role: "alert", hidden: true });
    const inputs = FIELDS.map(([name, label, now]) => {
      const value = now(budget);
      const input = h("input", { name, inputmode: "decimal", autocomplete: "off", placeholder: "as configured", value: budget.source === "override" && value !== null ? String(value) : "" });
      return [name, label, input, value];
    });
    const read = () => {
      const body = {};
      for (const [name, label, input] of inputs) {
        const text = input.value.trim();
        if (text === "") continue;
        if (text !== "unlimited" && !/^\d+(\.\d{1,9})?$/.test(text)) throw new Error(`${label}: a number, or “unlimited”.`);
        body[name] = text === "unlimited" ? text : name.endsWith("_usd") ? text : Number(text);
      }
      if (Object.keys(body).length === 0) throw new Error("Name at least one limit, or go back to the configured ones.");
      return body;
    };
    return h("form", {
      onsubmit: (event) => {
        event.preventDefault();
        try {
          done({ body: read() });
        } catch (error) {
          problem.hidden = false;
          problem.textContent = error.message;
        }
      },
    },
    h("p", { class: "quiet-text" }, "The override replaces the one before. An empty field is as configured; “unlimited” lifts a limit; 0 blocks."),
    inputs.map(([, label, input, value]) => field(label, input, `now ${value === null ? "unlimited" : value}`)),
    problem,
    h("footer", null,
      budget.source === "override" && h("button", { type: "button", onclick: () => done({ back: true }) }, "Back to configured"),
      h("button", { type: "button", onclick: () => done(null) }, "Cancel"),
      h("button", { type: "submit", class: "primary" }, "Review")));
  });
  if (!wanted) return;
  const told = wanted.back
    ? h("p", null, "All limits of ", h("b", null, budget.team_id), " become the configured ones again.")
    : h("div", null, h("p", null, "New limits of ", h("b", null, budget.team_id), ", for every replica at once:"),
      h("dl", { class: "facts" }, Object.entries(wanted.body).map(([name, value]) => [h("dt", null, words(name)), h("dd", null, name.endsWith("_usd") && value !== "unlimited" ? `$${value}` : String(value))])));
  const yes = wanted.back ? "Remove the override" : "Set these limits";
  const did = await confirm("Are you sure?", h("div", null, told, h("p", { class: "quiet-text" }, "This is written to the audit trail with your key’s id.")), {
    yes, danger: true,
    act: () => (wanted.back ? ask("DELETE", path) : ask("PUT", path, { body: wanted.body })),
  });
  if (!did) return;
  await panel.load();
  const now = panel.budgets.find((b) => b.team_id === budget.team_id);
  announce(`${budget.team_id}: the daily limit is ${now?.daily.limit_usd === null ? "none" : usd(nano(now?.daily.limit_usd ?? 0))} now.`);
}


// The page: who looks, what is shown, and when it is asked for again.

import { auditPanel, latencyPanel, trailPanel } from "./audit.js";
import { NEAR, budgetsPanel, nearness } from "./budgets.js";
import { byId, h, replace, tabs } from "./dom.js";
import { span, words, zone } from "./format.js";
import { keysPanel } from "./keys.js";
import { listen } from "./live.js";
import { actorsPanel, providersPanel, state } from "./providers.js";
import { isSignedIn, signIn, signOut } from "./session.js";
import { RANGES, Usage } from "./usage.js";

/** New records bring new figures, each no more often than this; long times are dear to sum, and change slowly. */
const EVERY_MS = { budgets: 2_000, usage: 4_000, usageOfMonths: 20_000, audit: 2_000, latency: 4_000, trail: 4_000 };
/** And without news this often: windows reset, keys expire. */
const QUIET_MS = 30_000;

if (isSignedIn()) start();
else askForKey();

function askForKey(problem) {
  const input = h("input", { type: "password", name: "key", required: true, autocomplete: "off", spellcheck: "false", "aria-describedby": "key-hint" });
  const form = h("form", {
    class: "sign-in",
    onsubmit: (event) => {
      event.preventDefault();
      signIn(input.value.trim());
      start();
    },
  },
  h("h2", null, "Sign in"),
  h("label", { class: "field" }, h("span", null, "API key"), input),
  h("p", { id: "key-hint", class: "quiet-text" }, "A team’s key shows its own team, an auditor’s every team’s records, an administrator’s all. It is kept for this tab alone."),
  h("p", { class: "failed", role: "alert", hidden: !problem }, problem ?? ""),
  h("button", { type: "submit", class: "primary" }, "Sign in"));
  replace(byId("bar"));
  replace(byId("page"), form);
  input.focus();
}

/** Listens first: the greeting says whose key it is, and so what there is to show. */
function start() {
  const over = new AbortController();
  let page = null;
  replace(byId("page"), h("p", { class: "placeholder", role: "status" }, "Connecting…"));
  const leave = (problem) => {
    over.abort();
    page?.close();
    signOut();
    askForKey(problem);
  };
  listen(over.signal, {
    event(name, data) {
      if (name === "hello") {
        page ??= new Page(data, over.signal, leave);
        page.greeted(data);
      } else {
        page?.event(name, data);
      }
    },
    heard: () => page?.heard(),
    state(name, error) {
      if (name === "refused") leave(error.message);
      else if (page) page.connection(name);
      else if (name === "lost") byId("page").firstChild.textContent = `${error?.message ?? "The connection broke off."} Trying again…`;
    },
  });
}

class Page {
  constructor(hello, signal, leave) {
    const may = (scope) => hello.scopes.includes(scope);
    // An auditor's key reads records and nothing else: the API has no other figures for it.
    this.who = { team: hello.team_id, tags: hello.usage_tags ?? [], isAdmin: may("admin"), seesAll: may("admin") || may("audit"), seesFigures: may("admin") || may("infer") };
    this.told = { providers: null, budgets: [], trail: null };
    this.providers = providersPanel();
    this.actors = actorsPanel();
    this.budgets = budgetsPanel(this.who, (budgets) => {
      this.told.budgets = budgets;
      this.audit.teams(budgets.map((budget) => budget.team_id));
      this.attention();
    });
    this.usage = new Usage(this.who);
    this.audit = auditPanel(this.who);
    this.latency = latencyPanel();
    this.trail = this.who.seesAll ? trailPanel((trail) => {
      this.told.trail = trail;
      this.attention();
    }) : null;
    this.keys = this.who.isAdmin ? keysPanel() : null;
    this.loads = {
      budgets: throttled(() => this.who.seesFigures && this.budgets.load(), () => EVERY_MS.budgets),
      usage: throttled(() => this.who.seesFigures && this.usage.load(), () => (RANGES[this.usage.range].grain === "day" ? EVERY_MS.usageOfMonths : EVERY_MS.usage)),
      // A page further back stays as it is while somebody reads it.
      audit: throttled(() => this.audit.isNewest() && this.audit.load(), () => EVERY_MS.audit),
      latency: throttled(() => this.latency.load(), () => EVERY_MS.latency),
      trail: throttled(() => this.trail?.load(), () => EVERY_MS.trail),
    };
    this.lay(leave, hello);
    this.keys?.load();
    this.loadAll();
    const second = setInterval(() => this.second(), 1_000);
    const quiet = setInterval(() => this.loadAll(), QUIET_MS);
    this.close = () => [second, quiet].forEach(clearInterval);
    signal.addEventListener("abort", this.close, { once: true });
    document.addEventListener("visibilitychange", () => this.loadAll(), { signal });
  }

  lay(leave, hello) {
    this.status = h("span", { class: "live", role: "status" });
    this.replica = h("span", { class: "quiet-text" });
    replace(byId("bar"),
      this.who.seesFigures && tabs("Time shown", Object.entries(RANGES).map(([key, { words }]) => [key, words]), this.usage.range, (key) => {
        this.usage.range = key;
        this.usage.load();
      }),
      this.status,
      h("span", { class: "who" }, h("b", null, this.who.isAdmin ? "Administrator" : this.who.seesFigures ? this.who.team : "Auditor"), h("small", null, `key ${hello.key_id}`)),
      h("button", { type: "button", onclick: () => leave() }, "Sign out"));
    this.notices = h("ul", { class: "attention", "aria-label": "What needs attention", "aria-live": "polite" });
    const [cost, requests, privacy, injection] = this.usage.panels.map((panel) => panel.element);
    const figures = (...elements) => (this.who.seesFigures ? elements : []);
    replace(byId("page"),
      this.notices, ...figures(this.usage.sums),
      h("div", { class: "grid" },
        figures(this.providers.element, this.budgets.element, cost, requests, privacy, injection), this.latency.element,
        this.audit.element, this.trail?.element, figures(this.actors.element), this.keys?.element),
      h("p", { class: "foot" }, `Times are in ${zone}; days and months of budgets are UTC. `, this.replica, " ", h("a", { href: "../docs/" }, "API")));
  }

  greeted({ replica, version }) {
    this.replica.textContent = `Replica ${replica}, version ${version}.`;
    this.connection("live");
  }

  event(name, data) {
    if (name === "providers") {
      this.told.providers = data;
      this.providers.update(data);
      this.actors.update(data);
      this.attention();
    } else if (name === "records") {
      this.loadAll();
    }
  }

  heard() {
    this.heardAt = Date.now();
  }

  connection(name) {
    this.isLive = name === "live";
    if (this.isLive) this.heard();
    this.second();
  }

  /** A page that nobody looks at asks for nothing. */
  loadAll() {
    if (document.hidden) return;
    Object.values(this.loads).forEach((load) => load());
  }

  /** Says how old the figures are, once they are old. */
  second() {
    const silent = Math.round((Date.now() - (this.heardAt ?? Date.now())) / 1000);
    const told = this.isLive ? "Live" : `No connection for ${span(silent)}`;
    if (this.status.textContent !== told) this.status.textContent = told;
    this.status.dataset.live = String(Boolean(this.isLive));
    byId("page").classList.toggle("old", !this.isLive && silent > 10);
  }

  /** What an operator should see first. */
  attention() {
    const { providers, budgets, trail } = this.told;
    const notices = [
      ...(providers?.providers ?? []).filter((p) => p.state !== "closed").map((p) => [p.state, p.state === "open" || p.state === "misconfigured" ? "bad" : "warn", `${p.name}${p.reason ? `: ${p.reason}` : ""}`]),
      ...(providers?.actors ?? []).filter((a) => !a.alive).map((a) => ["dead", "bad", `actor ${a.name}`]),
      ...budgets.filter((b) => nearness(b) >= NEAR).map((b) => {
        const near = nearness(b);
        const told = near === Infinity ? "blocked by a limit of 0" : `${Math.round(near * 100)} % of a budget`;
        return [near >= 1 ? "spent" : "near its limit", near >= 1 ? "bad" : "warn", `${b.team_id}: ${told}`];
      }),
      ...(trail?.unwritable ? [["unwritable", "bad", `audit trail: ${words(trail.unwritable.reason)}`]] : []),
      ...(trail?.sinks ?? []).filter((s) => s.state === "failing" || s.state === "misconfigured").map((s) => [s.state, "bad", `sink ${s.name}: ${s.lag} records behind`]),
    ];
    const key = JSON.stringify(notices);
    if (key === this.noticed) return;
    this.noticed = key;
    replace(this.notices, notices.length
      ? notices.map(([word, kind, text]) => h("li", { class: kind }, state(word, kind), h("span", null, text)))
      : h("li", { class: "good" }, state("all well", "good"), h("span", null, this.who.seesFigures ? "Every provider answers, and no team is near its limit." : "The trail is written, and every sink takes it.")));
  }
}

/** Runs at once, then at most once in `pause()` ms; the last call is not lost, and none runs beside another. */
function throttled(run, pause) {
  let busy = false;
  let again = false;
  return async function go() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await run();
    } finally {
      setTimeout(() => {
        busy = false;
        if (again) {
          again = false;
          go();
        }
      }, pause());
    }
  };
}

// Keys: who has one, making one, revoking one. Shown only where the gateway serves it to this key.

import { ask, get } from "./api.js";
import { confirm, dialog, field } from "./dialog.js";
import { announce, h } from "./dom.js";
import { stamp } from "./format.js";
import { Panel, table } from "./panel.js";

const SCOPES = [["infer", "Call models"], ["audit", "Read all teams’ audit records"], ["metrics", "Read metrics"], ["admin", "Administrate"]];
const LIMITS = [["requests_per_minute", "Requests a minute"], ["tokens_per_minute", "Tokens a minute"], ["max_parallel", "Requests at the same time"]];

export function keysPanel() {
  const make = h("button", { type: "button", class: "primary", "data-focus": "make", onclick: () => made(panel) }, "Make a key");
  const panel = new Panel("keys", "Keys", {
    controls: [make],
    csv: () => [
      ["id", "team", "name", "scopes", "created_at", "expires_at"],
      ...panel.keys.map((k) => [k.id, k.team_id, k.name, (k.scopes ?? []).join(" "), k.created_at, k.expires_at]),
    ],
    note: "Keys made here. Those of the configuration are not listed.",
  });
  panel.load = async () => {
    try {
      panel.keys = (await get("v1/keys?limit=1000")).keys;
      panel.element.hidden = false;
      panel.show(panel.keys.length ? list(panel) : null, "No key was made here yet.");
    } catch (error) {
      // Not served, or not to this key: then there is no such part of the page.
      if ([403, 404, 405].includes(error.status)) panel.element.hidden = true;
      else panel.fail(error);
    }
  };
  panel.element.hidden = true;
  return panel;
}

function list(panel) {
  const rows = panel.keys.map((key) =>
    h("tr", { "data-key": key.id },
      h("th", { scope: "row" }, h("code", null, key.id)),
      h("td", null, key.team_id), h("td", null, key.name ?? "–"),
      h("td", null, (key.scopes ?? []).map((scope) => h("span", { class: "tag" }, scope))),
      h("td", null, stamp(h, key.created_at)), h("td", null, key.expires_at ? stamp(h, key.expires_at) : "never"),
      h("td", { class: "number" }, h("button", { type: "button", class: "quiet", "data-focus": `revoke ${key.id}`, "aria-label": `Revoke the key ${key.id}`, onclick: () => revoke(key, panel) }, "Revoke"))));
  return table("Keys", [["Id"], ["Team"], ["Name"], ["May"], ["Made"], ["Expires"], ["Revoke", "unseen-head"]], rows);
}

async function made(panel) {
  const key = await dialog("Make a key", (done) => {
    const problem = h("p", { class: "failed", role: "alert", hidden: true });
    const team = h("input", { name: "team_id", required: true, autocomplete: "off" });
    const name = h("input", { name: "name", autocomplete: "off" });
    const expires = h("input", { name: "expires_at", type: "date" });
    const scopes = SCOPES.map(([scope, words]) => [scope, words, h("input", { type: "checkbox", name: scope, checked: scope === "infer" })]);
    const limits = LIMITS.map(([limit, words]) => [limit, words, h("input", { name: limit, inputmode: "numeric", autocomplete: "off", placeholder: "none" })]);
    const read = () => {
      const body = { team_id: team.value.trim(), scopes: scopes.filter(([, , box]) => box.checked).map(([scope]) => scope) };
      if (name.value.trim()) body.name = name.value.trim();
      // A key is good for the whole of its last day, as the viewer's calendar has it.
      if (expires.value) body.expires_at = new Date(`${expires.value}T23:59:59`).toISOString();
      const most = {};
      for (const [limit, words, input] of limits) {
        const text = input.value.trim();
        if (text && !/^\d+$/.test(text)) throw new Error(`${words}: a whole number.`);
        if (text) most[limit] = Number(text);
      }
      if (Object.keys(most).length) body.limits = most;
      return body;
    };
    const submit = h("button", { type: "submit", class: "primary" }, "Make this key");
    return h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        submit.disabled = true;
        try {
          done(await ask("POST", "v1/keys", { body: read() }));
        } catch (error) {
          problem.hidden = false;
          problem.textContent = error.message;
          submit.disabled = false;
        }
      },
    },
    field("Team", team), field("Name", name, "who or what will use it"),
    h("fieldset", null, h("legend", null, "It may"), scopes.map(([, words, box]) => h("label", { class: "check" }, box, words))),
    field("Good until", expires, "empty: until it is revoked"),
    limits.map(([, words, input]) => field(words, input)),
    h("p", { class: "quiet-text" }, "This is written to the audit trail with your key’s id."),
    problem,
    h("footer", null, h("button", { type: "button", onclick: () => done(null) }, "Cancel"), submit));
  });
  if (!key) return;
  announce("The key was made.");
  await dialog("The new key", (done) => {
    const copied = h("span", { role: "status", class: "quiet-text" });
    const copy = () => navigator.clipboard.writeText(key.key).then(() => (copied.textContent = "Copied."), () => (copied.textContent = "Select it and copy."));
    return h("div", null,
      h("p", null, "This is the only time that it is shown. The gateway keeps its hash alone."),
      h("p", null, h("code", { class: "secret", tabindex: "0" }, key.key)),
      h("footer", null, copied, h("button", { type: "button", onclick: copy }, "Copy"), h("button", { type: "button", class: "primary", onclick: () => done(true) }, "I have it")));
  });
  await panel.load();
}

async function revoke(key, panel) {
  const told = h("p", null, "The key ", h("code", null, key.id), " of ", h("b", null, key.team_id), " stops working on every replica. This can’t be taken back, and is written to the audit trail.");
  const did = await confirm("Revoke this key?", told, { yes: "Revoke it", danger: true, act: () => ask("DELETE", `v1/keys/${encodeURIComponent(key.id)}`) });
  if (!did) return;
  announce("The key was revoked.");
  await panel.load();
}

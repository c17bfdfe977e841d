// A part of the page: a head with its controls, a body, and the states that each part can be in.

import { download } from "./csv.js";
import { h, replace } from "./dom.js";
import { timeOfDay } from "./format.js";

/** `states`: `loading` until the first figures, then `ready`, `empty`, `error` (none yet), `stale` (old ones). */
export class Panel {
  constructor(id, title, { controls = [], csv, note } = {}) {
    this.id = id;
    this.csv = csv;
    this.body = h("div", { class: "panel-body" });
    this.notice = h("p", { class: "notice", role: "status", hidden: true });
    this.note = h("p", { class: "note" }, note ?? "");
    this.save = csv && h("button", {
      type: "button",
      class: "quiet",
      "aria-label": `${title}: save as CSV`,
      title: "Save as CSV",
      onclick: () => download(id, this.csv()),
    }, "CSV");
    const heading = h("h2", { id: `${id}-title` }, title);
    this.controls = h("div", { class: "controls" }, controls, this.save);
    this.element = h(
      "section",
      { id, class: "panel", "aria-labelledby": `${id}-title`, "data-state": "loading", "aria-busy": "true" },
      h("header", null, heading, this.controls),
      this.notice,
      this.body,
      this.note,
    );
    this.note.hidden = !note;
    replace(this.body, h("p", { class: "placeholder" }, "Loading…"));
    this.at = null;
  }

  /** New figures. `content` is null where there is nothing to show, and `empty` says so. */
  show(content, empty = "Nothing yet.") {
    this.at = Date.now();
    this.become(content ? "ready" : "empty");
    this.notice.hidden = true;
    if (content !== this.content || !content) replace(this.body, content ?? h("p", { class: "placeholder" }, empty));
    this.content = content;
  }

  /** The figures could not be had: old ones stay, and are called old. */
  fail(error) {
    if (this.at === null) {
      this.become("error");
      replace(this.body, h("p", { class: "placeholder failed", role: "alert" }, error.message));
      return;
    }
    this.become("stale");
    this.notice.hidden = false;
    replace(this.notice, `Figures of ${timeOfDay(this.at / 1000)}. ${error.message}`);
  }

  become(state) {
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(state === "loading"));
    if (this.save) this.save.disabled = state !== "ready" && state !== "stale";
  }
}

/** A table with heads `[words, class]`, in a region that scrolls by keyboard too. */
export function table(label, heads, rows, props = {}) {
  return h(
    "div",
    { class: "scroll", role: "group", "aria-label": label, tabindex: "0", "data-focus": label },
    h(
      "table",
      props,
      h("thead", null, h("tr", null, heads.map(([words, kind]) => h("th", { scope: "col", class: kind }, words)))),
      h("tbody", null, rows),
    ),
  );
}

// What stands in front of the page: questions before something is done, and details.

import { h } from "./dom.js";

/** Opens a dialog and resolves with what `done` was called with; null where it was closed. */
export function dialog(title, build, { kind = "ask" } = {}) {
  return new Promise((resolve) => {
    let answer = null;
    const opener = document.activeElement;
    const box = h("dialog", { class: kind, "aria-labelledby": "dialog-title" });
    const done = (value) => {
      answer = value;
      box.close();
    };
    box.append(
      h("header", null, h("h2", { id: "dialog-title" }, title),
        h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => done(null) }, "✕")),
      build(done),
    );
    box.addEventListener("click", (event) => {
      if (event.target === box) done(null);
    });
    box.addEventListener("close", () => {
      box.remove();
      // What opened it may have been drawn anew meanwhile: then the browser does not know where the keyboard was.
      if (!opener.isConnected && opener.dataset.focus) document.querySelector(`[data-focus="${CSS.escape(opener.dataset.focus)}"]`)?.focus();
      resolve(answer);
    });
    document.body.append(box);
    box.showModal();
  });
}

/** Asks before something is done that others feel; `act` does it, and its error is shown where the question is. */
export function confirm(title, content, { yes, danger = false, act }) {
  return dialog(title, (done) => {
    const problem = h("p", { class: "failed", role: "alert", hidden: true });
    const go = h("button", {
      type: "button",
      class: danger ? "danger" : "primary",
      onclick: async () => {
        go.disabled = true;
        try {
          done((await act()) ?? true);
        } catch (error) {
          problem.hidden = false;
          problem.textContent = error.message;
          go.disabled = false;
        }
      },
    }, yes);
    return h("div", null, content, problem,
      h("footer", null, h("button", { type: "button", onclick: () => done(null) }, "Cancel"), go));
  });
}

/** A field of a form: its label, its input, and what is wrong with it. */
export function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", null, label), input, hint && h("small", null, hint));
}

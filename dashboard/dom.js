// Elements from values. Text goes in as text: nothing that the API says is ever read as HTML.

/** `h("p", { class: "quiet", onclick: f }, "text", child)`; null, false and undefined children are left out. */
export function h(tag, props, ...children) {
  const element = tag === "svg" || SVG.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, part] of Object.entries(value)) element.style.setProperty(key, part);
    else if (name in PROPERTIES) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = new Set(["path", "rect", "circle", "line", "g", "title"]);
const PROPERTIES = { value: 1, checked: 1, disabled: 1, hidden: 1, selected: 1 };

export const byId = (id) => document.getElementById(id);

/** Puts these in place of what is there. The keyboard, and what was scrolled, stay where they were. */
export function replace(parent, ...children) {
  const named = (name) => parent.querySelector(`[data-focus="${CSS.escape(name)}"]`);
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  const scrolled = [...parent.querySelectorAll(".scroll")].filter((region) => region.scrollTop || region.scrollLeft)
    .map(({ dataset, scrollTop, scrollLeft }) => [dataset.focus, scrollTop, scrollLeft]);
  parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
  for (const [name, top, left] of scrolled) named(name)?.scrollTo(left, top);
  if (focused) named(focused)?.focus({ preventScroll: true });
}

/** A select whose options are `[value, words]`. */
export function choice(label, options, value, onchange) {
  const select = h(
    "select",
    { "aria-label": label, onchange: () => onchange(select.value) },
    options.map(([key, words]) => h("option", { value: key, selected: key === value }, words)),
  );
  return select;
}

/** A row of buttons of which one is pressed. */
export function tabs(label, options, value, onchange) {
  const buttons = options.map(([key, words]) =>
    h("button", {
      type: "button",
      "aria-pressed": String(key === value),
      onclick: (event) => {
        for (const button of buttons) button.setAttribute("aria-pressed", String(button === event.currentTarget));
        onchange(key);
      },
    }, words));
  return h("div", { class: "tabs", role: "group", "aria-label": label }, buttons);
}

/** Tells those who listen instead of look. */
export function announce(words) {
  byId("announcer").textContent = words;
}

// JSON as a tree that folds, coloured.

import { h } from "./dom.js";
import { Written } from "./exact.js";

const mostChildren = 100; // that are shown at once
const longestString = 2000; // characters that are shown at once
const openDepth = 3;

// tree is a value as an element, with what names it before it. What is folded is made when
// it is opened.
export function tree(value, depth = 0, name = []) {
  if (value === null || typeof value !== "object" || value instanceof Written) {
    return h("div.json-entry", {}, name, leaf(value));
  }
  const isList = Array.isArray(value);
  const entries = isList ? value.map((child, i) => [i, child]) : Object.entries(value);
  const [opening, closing] = isList ? "[]" : "{}";
  if (entries.length === 0) {
    return h("div.json-entry", {}, name, opening + closing);
  }
  const inside = h("div.json-inside");
  const details = h("details.json", { ontoggle: () => fillOnce(inside, entries, isList, depth) },
    h("summary", {}, name, opening, h("span.json-folded", {}, ` ${entries.length} `, closing)), inside, h("div.json-end", {}, closing));
  details.open = depth < openDepth;
  if (details.open) {
    fillOnce(inside, entries, isList, depth);
  }
  return details;
}

function fillOnce(inside, entries, isList, depth) {
  if (inside.childElementCount === 0) {
    addChildren(inside, entries, 0, isList, depth);
  }
}

function addChildren(inside, entries, from, isList, depth) {
  for (const [key, child] of entries.slice(from, from + mostChildren)) {
    const name = isList ? h("span.json-index", {}, String(key)) : h("span.json-key", {}, JSON.stringify(key));
    inside.append(tree(child, depth + 1, [name, ": "]));
  }
  const left = entries.length - from - mostChildren;
  if (left > 0) {
    const more = h("button.small", {
      type: "button", onclick: () => { more.remove(); addChildren(inside, entries, from + mostChildren, isList, depth); },
    }, `${left} more`);
    inside.append(more);
  }
}

function leaf(value) {
  if (value instanceof Written) {
    return h("span.json-number", {}, value.source);
  }
  if (typeof value === "string") {
    return longText(JSON.stringify(value), "json-string");
  }
  return h(`span.json-${typeof value === "number" ? "number" : "word"}`, {}, String(value));
}

// longText shows the beginning of a long text, and the rest when it is asked for.
export function longText(text, className) {
  const span = h(`span.${className}`, {}, text.slice(0, longestString));
  if (text.length > longestString) {
    const more = h("button.small", { type: "button", onclick: () => { span.textContent = text; } }, `… ${text.length - longestString} more characters`);
    span.append(more);
  }
  return span;
}

// Sending once more what was sent: the form is filled in, and the reader sends it.

import { valuesOf } from "./memory.js";

let next = null;

// fillIn opens the form with what the page knows of a run.
export function fillIn(run) {
  const values = valuesOf(run.id);
  next = values === undefined ? told(run) : { values, note: "" };
  location.hash = "#/";
}

// canFillIn reports whether the page knows any of its requests.
export function canFillIn(run) {
  return valuesOf(run.id) !== undefined || run.items.some(({ url }) => url);
}

// takeNext is what the form is to hold, { values, note }, once; null where nothing is.
export function takeNext() {
  const taken = next;
  next = null;
  return taken;
}

// told is what the API tells of a run.
function told({ agg, items }) {
  const urls = items.map(({ url }) => url).filter(Boolean);
  const missing = items.length - urls.length;
  const asJSON = urls.some((url) => /\{\d+\.\.\d+/.test(url)); // as lines they would be patterns
  return {
    values: {
      items: asJSON ? JSON.stringify(urls, null, 1) : urls.join("\n"), name: agg.name,
      labels: Object.entries(agg.labels).map(([key, value]) => `${key}: ${value}`).join("\n"),
    },
    note: "Only URLs, name and labels are known of that run. Fill in its method, headers, body and options if it had any." +
      (missing > 0 ? ` The URLs of ${missing} items are not known.` : ""),
  };
}

// What this tab has sent: the API tells an item's URL with its result, and not before, and
// its method and the like never.

const most = 20;
const sent = new Map(); // id → { spec, values }

// remember keeps the spec, and what the fields of the form said, by name.
export function remember(id, spec, values) {
  sent.set(id, { spec, values });
  if (sent.size > most) {
    sent.delete(sent.keys().next().value);
  }
}

// requestOf is an item's { url, method }, both "" where it was sent from elsewhere.
export function requestOf(id, index) {
  const { spec } = sent.get(id) ?? {};
  const item = spec?.urls?.[index] ?? spec?.requests[index];
  if (item === undefined) {
    return { url: "", method: "" };
  }
  return typeof item === "string" ? { url: item, method: "GET" } : { url: item.url, method: item.method ?? "GET" };
}

// valuesOf are the fields of the form, undefined where it was sent from elsewhere.
export function valuesOf(id) {
  return sent.get(id)?.values;
}

// Which field of the form a fault of the API's answer belongs to.

const ofRequest = [
  [/^\.method\b/, "method"],
  [/^\.headers\b/, "headers"],
  [/^\.body(_text)?\b/, "body"],
  [/^\.timeout\b/, "timeout"],
  [/^\.retry\b/, "attempts"],
];
const ofAggregation = ["concurrency", "deadline", "retention", "priority", "name", "labels"];

// placeFaults sorts faults by field: { field: [sentence, …] }. What belongs to no other field
// stands beside the items; lines tell where in the text each of them is.
export function placeFaults(errors, lines) {
  const placed = {};
  const add = (field, sentence) => {
    placed[field] ??= new Map();
    placed[field].set(sentence, (placed[field].get(sentence) ?? 0) + 1);
  };
  for (const { location, message } of errors) {
    const item = /^body\.(?:requests|urls)\[(\d+)\](.*)$/.exec(location);
    if (item !== null) {
      const [, index, rest] = item;
      const field = ofRequest.find(([pattern]) => pattern.test(rest))?.[1] ?? "items";
      add(field, field === "items" ? `${nameOf(Number(index), lines)}${rest === ".url" ? "" : rest.replace(".", ", ")}: ${message}` : `${detail(rest)}${message}`);
      continue;
    }
    const name = /^body\.([a-z_]+)/.exec(location)?.[1];
    add(ofAggregation.includes(name) ? name : "items", name && !ofAggregation.includes(name) ? `${name}: ${message}` : message);
  }
  return Object.fromEntries(Object.entries(placed).map(([field, said]) => [field, sentences(said)]));
}

// nameOf says which item it is, as people count.
function nameOf(index, lines) {
  const line = lines?.[index];
  return line === undefined ? `request ${index + 1}` : `line ${line}`;
}

// detail is what of the field it is, such as the header's name.
function detail(rest) {
  const [, name] = /^\.[a-z_]+\.(.+)$/.exec(rest) ?? [];
  return name ? `${name} ` : "";
}

// sentences says once what is wrong with many items.
function sentences(said) {
  const list = [...said].map(([sentence, times]) => (times === 1 ? sentence : `${sentence} (${times} requests)`));
  return list.length > 8 ? [...list.slice(0, 7), `and ${list.length - 7} more`] : list;
}

// Lines of "name: value", as headers and labels are written.

// readPairs returns { pairs, faults }: the values by name, and what is wrong with which line.
export function readPairs(text) {
  const pairs = {};
  const faults = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") {
      continue;
    }
    const at = line.indexOf(":");
    if (at < 0) {
      faults.push(`line ${i + 1}: NAME: VALUE is expected`);
    } else {
      pairs[line.slice(0, at).trim()] = line.slice(at + 1).trim();
    }
  }
  return { pairs, faults };
}

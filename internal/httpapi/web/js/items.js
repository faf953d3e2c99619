// Reading what was pasted: URLs, one a line, or JSON.

import { parse } from "./exact.js";
import { expand, leftBraces, mostURLs } from "./expand.js";

// readItems reads the text. It returns { kind, items, spec, lines, odd, error }: kind is "urls",
// "requests" or "spec"; items are URLs or requests; lines tell for each item where in the
// text it stands, from 1; spec is what JSON gives beside the items; odd is what looks like a
// pattern and is none.
export function readItems(text) {
  const trimmed = text.trim();
  if (trimmed === "") {
    return { kind: "urls", items: [], lines: [], odd: "", spec: {} };
  }
  return /^[[{]\s*["{[\]}]/.test(trimmed) ? readJSON(trimmed) : readLines(text);
}

function readLines(text) {
  const items = [];
  const lines = [];
  let odd = "";
  for (const [i, line] of text.split("\n").entries()) {
    const pattern = line.trim();
    if (pattern === "" || pattern.startsWith("#")) {
      continue;
    }
    odd ||= leftBraces(pattern).map((braces) => `line ${i + 1}: ${braces} is taken as it is`)[0] ?? "";
    try {
      for (const url of expand(pattern, mostURLs - items.length)) {
        items.push(url);
        lines.push(i + 1);
      }
    } catch (error) {
      return { kind: "urls", items: [], lines: [], spec: {}, error: `line ${i + 1} ${error.message}` };
    }
  }
  return { kind: "urls", items, lines, odd, spec: {} };
}

function readJSON(text) {
  let value;
  try {
    value = parse(text);
  } catch (error) {
    return { kind: "spec", items: [], spec: {}, error: `is not JSON: ${error.message}` };
  }
  if (!Array.isArray(value)) {
    const { urls, requests, ...spec } = value;
    if (urls !== undefined && requests !== undefined) {
      return { kind: "spec", items: [], spec: {}, error: "has urls and requests; give one of them" };
    }
    return { kind: "spec", items: listOf(urls ?? requests), spec };
  }
  return { kind: value.every((item) => typeof item === "string") ? "urls" : "requests", items: value, spec: {} };
}

function listOf(items) {
  return Array.isArray(items) ? items : [];
}

// describe says what was read.
export function describe({ kind, items, lines, odd, error }) {
  if (error) {
    return "";
  }
  const n = items.length;
  const requests = `${n.toLocaleString("en")} request${n === 1 ? "" : "s"}`;
  if (lines) {
    const written = new Set(lines).size;
    return (written === n ? requests : `${requests} from ${written} line${written === 1 ? "" : "s"}`) + (odd && `; ${odd}`);
  }
  return kind === "spec" ? `JSON: a whole aggregation with ${requests}; its fields count before those below` : `JSON: a list of ${requests}`;
}

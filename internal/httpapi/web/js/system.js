// The system's state, in the line at the top: GET /readyz, every few seconds.

import { h } from "./dom.js";
import { number } from "./format.js";

const every = 3000; // ms
const rateOver = 9000; // ms that the throughput is taken over

// showSystem keeps the line up to date.
export async function showSystem(line) {
  const seen = [];
  for (;;) {
    if (!document.hidden) {
      line.replaceChildren(...describe(await ready(), seen));
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

async function ready() {
  try {
    const response = await fetch("readyz", { cache: "no-store" });
    return await response.json();
  } catch {
    return { detail: "the server can't be reached" };
  }
}

function describe(state, seen) {
  if (state.status !== "ready") {
    seen.length = 0;
    return [h("span.bad", {}, state.detail ?? "not ready")];
  }
  const parts = [
    part(state.workers, state.workers === 1 ? "worker" : "workers"),
    part(state.queued, state.queued === 1 ? "task waiting" : "tasks waiting", "Tasks in the queues that no worker has taken"),
    part(throughput(state, seen), "items/s", `Over the last ${rateOver / 1000} seconds`),
  ];
  if (state.warnings.length > 0) {
    parts.push(h("span.warn", { title: state.warnings.join("\n") }, state.warnings[0]));
  }
  return parts;
}

function part(n, what, title = null) {
  return h("span", { title }, h("b", {}, number(n)), ` ${what}`);
}

// throughput is how many items the workers have finished in a second. A worker that has
// gone takes its count with it, and for a moment there is nothing to compare with.
function throughput({ finished, workers }, seen) {
  const now = performance.now();
  if (seen.length > 0 && (finished < seen.at(-1).finished || workers < seen.at(-1).workers)) {
    seen.length = 0;
  }
  seen.push({ at: now, finished, workers });
  while (seen.length > 2 && now - seen[0].at > rateOver + every / 2) {
    seen.shift();
  }
  const [first] = seen;
  const rate = now > first.at ? (1000 * (finished - first.finished)) / (now - first.at) : 0;
  return rate >= 10 ? Math.round(rate) : Math.round(10 * rate) / 10;
}

// The time axis that all bars share, and the parts that a bar has.

import { pendingStatuses } from "./run.js";

const shortestCut = 3000; // ms
const cutShare = 0.15; // of the whole time
const cutWidth = 0.03; // what is left of a cut

// segments are the parts of an item's bar: [from, to, kind], in milliseconds since creation.
export function segments(item, run, axis) {
  const { now } = run;
  if (item.status === "loading") {
    return [];
  }
  if (item.started_ms === undefined) {
    return [[run.accepted, now, "queued"]];
  }
  const pending = pendingStatuses.includes(item.status);
  const from = item.started_ms;
  const to = pending ? Math.max(now, from) : from + item.elapsed_ms;
  const last = item.attempts > 1 && item.last_attempt_ms !== undefined ? to - item.last_attempt_ms : from;
  const parts = [[Math.min(from, queuedAt(item, run, axis)), from, "queued"]];
  if (last > from) {
    parts.push([from, last, "retrying"]);
  }
  parts.push([last, to, item.status]);
  return parts;
}

// queuedAt is when an item that was sent began to wait: with its round, where the page knows
// it. Of an earlier retry it knows that nothing was in flight before.
function queuedAt({ round, started_ms: started }, run, axis) {
  if (round !== undefined) {
    return run.rounds[round];
  }
  if (started >= run.accepted) {
    return run.accepted;
  }
  return axis.cuts.findLast(([, to]) => to <= started)?.[1] ?? 0;
}

// axisOf is the axis of all items. Where nothing happened for long, as before a retry, it
// leaves the time out.
export function axisOf(run) {
  let end = run.running ? run.now : 0;
  for (const item of run.items) {
    if (item.started_ms !== undefined) {
      end = Math.max(end, item.started_ms + (item.elapsed_ms ?? 0));
    }
  }
  if (end === 0) {
    end = Math.max(run.now, 1);
  }
  return new Axis(end, pauses(run, end));
}

// pauses are the times, [from, to], in which nothing was in flight, those that are worth to
// be cut.
function pauses(run, end) {
  const found = [];
  if (end < shortestCut) {
    return found;
  }
  const [allStarts, allEnds] = [new Float64Array(run.items.length), new Float64Array(run.items.length)];
  let begun = 0;
  for (const { started_ms: started, elapsed_ms: elapsed } of run.items) {
    if (started !== undefined) {
      allStarts[begun] = started;
      allEnds[begun] = elapsed === undefined ? end : started + elapsed;
      begun++;
    }
  }
  const [starts, ends] = [allStarts.subarray(0, begun).sort(), allEnds.subarray(0, begun).sort()];
  const add = (from, to) => {
    if (to - from > Math.max(shortestCut, cutShare * end)) {
      found.push([from, to]);
    }
  };
  for (let i = 1; i < starts.length; i++) { // as many have ended as have begun
    add(ends[i - 1], starts[i]);
  }
  if (run.running && run.rounds.length > 1 && starts.length > 0 && starts.at(-1) < run.accepted) {
    add(ends.at(-1), run.accepted);
  }
  return found;
}

class Axis {
  constructor(end, cuts) {
    const left = cuts.reduce((sum, [from, to]) => sum + to - from, 0);
    this.end = end;
    this.cuts = cuts;
    this.shown = (end - left) / (1 - cuts.length * cutWidth);
  }

  // share is where on the axis a time is, from 0 to 1.
  share(ms) {
    const width = cutWidth * this.shown;
    let at = ms;
    for (const [from, to] of this.cuts) {
      if (ms >= to) {
        at += width - (to - from);
      } else if (ms > from) {
        at += (width * (ms - from)) / (to - from) - (ms - from);
      }
    }
    return Math.min(1, Math.max(0, at / this.shown));
  }

  // steps are round distances of times on the axis, the widest first, which has most at most.
  steps(most) {
    const rough = this.shown / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const sizes = [0.1, 0.2, 0.5, 1, 2, 5, 10].map((n) => n * power);
    const widest = sizes.findIndex((size) => size >= rough);
    return sizes.slice(Math.max(0, widest - 3), widest + 1).reverse();
  }

  // ticks are the times that are a multiple of the step, and not left out.
  ticks(step) {
    const list = [];
    for (let at = step; at < this.end && list.length < 1000; at += step) {
      if (!this.cuts.some(([from, to]) => at > from && at < to)) {
        list.push(at);
      }
    }
    return list;
  }
}

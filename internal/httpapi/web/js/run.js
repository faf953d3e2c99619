// One aggregation as this page knows it: where it stands, and each of its items.

import { requestOf } from "./memory.js";

const mostKept = 32 << 20; // characters of result lines that stay in memory

const networkTakes = 500; // ms at most, as a rule, to tell where something stands

// What is known of an item whose result has not come.
const notBegun = { status: "queued", attempts: 0 };

// pendingStatuses are how an item can stand before its result.
export const pendingStatuses = ["queued", "fetching", "retrying"];

export class Run {
  constructor(id) {
    this.id = id;
    this.agg = null;
    this.items = [];
    this.lines = new Map(); // index → result line, as long as there is room
    this.kept = 0;
    this.last = 0; // position of the last result
    this.version = 0; // counts changes
    this.rounds = [0]; // when it was accepted: at its creation, and by retries as far as known, in milliseconds since the creation
    this.clock = { at: 0, since: performance.now() };
  }

  get running() {
    return this.agg !== null && (this.agg.status === "queued" || this.agg.status === "running");
  }

  // accepted is when the last round began.
  get accepted() {
    return this.rounds.at(-1);
  }

  // now is the time since the creation, by the server's clock, in milliseconds; of what has
  // finished the time when it did.
  get now() {
    if (this.agg?.finished_at) {
      return Date.parse(this.agg.finished_at) - Date.parse(this.agg.created_at);
    }
    return this.clock.at + performance.now() - this.clock.since;
  }

  // setAggregation takes what the API says of the whole.
  setAggregation(agg) {
    const first = this.agg === null;
    this.agg = agg;
    if (first) {
      const unknown = this.running ? notBegun : { status: "loading", attempts: 0 };
      this.items = Array.from({ length: agg.counts.total }, (_, index) => ({ ...unknown, index, url: requestOf(this.id, index).url }));
      this.setClock(agg.elapsed_ms);
      this.opened = agg.elapsed_ms - performance.now();
    }
    if (agg.finished_at) {
      this.setAccepted(this.now - agg.elapsed_ms, 10); // what has elapsed counts from there
    }
    this.version++;
  }

  setClock(at) {
    this.clock = { at, since: performance.now() };
  }

  setCounts(counts) {
    this.agg.counts = counts;
    if (this.agg.status === "queued" && counts.pending < counts.total) {
      this.agg.status = "running";
    }
    this.version++;
  }

  // addResult takes a result line and its position in order of completion.
  addResult(line, position) {
    this.last = position;
    const { body: _body, body_base64: _base64, ...result } = JSON.parse(line);
    const { round } = this.items[result.index];
    this.items[result.index] = { ...result, round, position, size: line.length };
    if (this.kept + line.length <= mostKept) {
      this.kept += line.length;
      this.lines.set(result.index, line);
    }
    this.version++;
  }

  // setPending takes what is known of the items that a worker has begun.
  setPending({ at_ms: at, items }) {
    this.place(at);
    this.setClock(at);
    const begun = new Map(items.map((item) => [item.index, item]));
    for (const item of this.items) {
      if (pendingStatuses.includes(item.status)) {
        const known = begun.get(item.index) ?? notBegun;
        item.status = known.status;
        item.attempts = known.attempts;
        item.started_ms = known.started_ms;
      }
    }
    this.version++;
  }

  // place finds out when it was accepted, once the server has told the time.
  place(at) {
    if (this.opened === undefined) {
      return;
    }
    this.setAccepted(at - (this.opened + performance.now()), networkTakes);
    this.opened = undefined;
  }

  // setAccepted takes when the last round began. That there was a retry which this page has
  // not seen shows in a time that is longer than least.
  setAccepted(at, least) {
    if (this.rounds.length > 1) {
      this.rounds[this.rounds.length - 1] = at;
    } else if (at > least) {
      this.rounds.push(at);
    }
  }

  // restart is what a retry does: what has not succeeded waits again.
  restart(agg) {
    const now = Date.now() - Date.parse(agg.created_at); // until the server tells
    const round = this.rounds.push(now) - 1;
    for (const [index, item] of this.items.entries()) {
      if (item.status !== "succeeded") {
        this.kept -= this.lines.get(index)?.length ?? 0;
        this.lines.delete(index);
        this.items[index] = { ...notBegun, index, url: item.url, key: item.key, round };
      }
    }
    this.setAggregation(agg);
    this.setClock(now);
    this.opened = agg.elapsed_ms - performance.now();
  }
}

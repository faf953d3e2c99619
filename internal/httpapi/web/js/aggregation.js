// One aggregation: watched while it runs, and read.

import { canFillIn, fillIn } from "./again.js";
import { axisOf } from "./axis.js";
import { h, say, setText, setWidth } from "./dom.js";
import { downloadMenu } from "./download.js";
import { confirmed } from "./confirm.js";
import { ago, duration, number } from "./format.js";
import { openItem } from "./item.js";
import { overview } from "./overview.js";
import { Run } from "./run.js";
import { ItemTable } from "./table.js";
import { cancel, remove, retry, watch } from "./watch.js";

const outcomes = ["succeeded", "failed", "canceled"];

// Drawing again what has not changed but moves with the time, and what has.
const movesEvery = 100; // ms
const restFactor = 6; // how much longer than drawing took the page is left alone after it
const arrangesEvery = 400; // ms, where there are many items

export function aggregationView(id) {
  const view = new AggregationView(id);
  view.start();
  return { title: id, element: view.element, close: () => view.close() };
}

class AggregationView {
  constructor(id) {
    this.run = new Run(id);
    this.stop = new AbortController();
    this.drawn = { version: -1, at: 0, arranged: 0, took: 0 };
    this.table = new ItemTable(this.run, (index) => this.open(index));
    this.overview = overview((index) => this.table.show(index));
    this.element = h("div.aggregation", {}, this.head(), this.notice = h("p.notice", { hidden: true, role: "alert" }),
      this.overview.element, this.table.element);
    this.onResize = () => { this.drawn.version = -1; };
    window.addEventListener("resize", this.onResize);
  }

  head() {
    const button = (label, action, className = "") => h(`button${className}`, {
      type: "button", hidden: true, onclick: (event) => this.act(action, event.currentTarget),
    }, label);
    this.title = h("h1", {}, this.run.id);
    this.chip = h("span.chip");
    this.live = h("span.live.dim", { role: "status" });
    this.facts = h("p.dim.number.summary");
    this.labels = h("ul.labels");
    this.buttons = {
      cancel: button("Cancel", () => cancel(this.run), ".danger.cancel"),
      retry: button("Retry failed", () => this.again(), ".primary"),
      repeat: button("Run again", () => fillIn(this.run)),
      remove: button("Delete", () => this.delete(), ".danger"),
    };
    this.parts = Object.fromEntries(outcomes.map((name) => [name, h(`i.${name}.moving`)]));
    this.progress = h("div.progress", { role: "progressbar", "aria-label": "Items done", "aria-valuemin": "0" }, Object.values(this.parts));
    this.counts = h("ul.counts", {}, [...outcomes, "pending"].map((name) => h(`li.${name}`, {}, h("b.number", {}, "0"), ` ${name}`)));
    this.menu = downloadMenu(this.run.id, (error) => this.complain(error));
    return h("section.panel.head", { "aria-label": "Aggregation" },
      // Cancel never stands where Retry stood: a double click on one must not press the other.
      h("div.row", {}, this.title, this.chip, this.live, this.buttons.cancel, h("span.space"),
        h("div.row.actions", {}, this.buttons.retry, this.buttons.repeat, this.menu, this.buttons.remove)),
      h("div.row", {}, this.facts, this.labels), this.progress, this.counts);
  }

  start() {
    this.frame = requestAnimationFrame(() => this.tick());
    this.follow();
  }

  async follow() {
    try {
      await watch(this.run, this.stop.signal, (state) => this.setLive(state));
      this.setLive("");
      this.drawn.version = -1;
      const { status, counts } = this.run.agg;
      say(`${status}: ${counts.succeeded} succeeded, ${counts.failed} failed, ${counts.canceled} canceled`);
    } catch (error) {
      if (!this.stop.signal.aborted) {
        this.setLive("");
        this.complain(error);
      }
    }
  }

  setLive(state) {
    setText(this.live, { live: this.run.running ? "live" : "", broken: "connection lost, trying again …" }[state] ?? "");
  }

  close() {
    this.stop.abort();
    this.table.close();
    cancelAnimationFrame(this.frame);
    window.removeEventListener("resize", this.onResize);
  }

  async act(action, button) {
    this.notice.hidden = true;
    button.disabled = true; // until the answer
    try {
      await action();
    } catch (error) {
      this.complain(error);
    } finally {
      button.disabled = false;
    }
  }

  async again() {
    await retry(this.run);
    this.follow();
  }

  async delete() {
    const what = this.run.running ? "It still runs: what is in flight is aborted, and all" : "All";
    if (await confirmed("Delete this aggregation?", `${what} that is stored of it is removed.`, "Delete")) {
      await remove(this.run);
      this.stop.abort();
      location.hash = "#/aggregations";
    }
  }

  complain(error) {
    if (error.status === 404) {
      this.showGone();
      return;
    }
    this.notice.className = "notice bad";
    this.notice.textContent = error.message;
    this.notice.hidden = false;
  }

  // showGone leaves nothing of an aggregation that is not there any more.
  showGone() {
    const { run } = this;
    this.close();
    this.element.replaceChildren(h("section.panel.head", { "aria-label": "Aggregation" },
      h("h1", {}, run.agg?.name || run.id),
      h("p.notice.bad", { role: "alert" }, "There is no aggregation with this id; it may have been deleted, or its retention is over."),
      h("div.row", {},
        canFillIn(run) && h("button.primary", { type: "button", onclick: () => fillIn(run) }, "Send its items again"),
        h("a.button", { href: "#/aggregations" }, "Back to the list"))));
  }

  async open(index) {
    const last = await openItem(this.run, index, (at, by) => this.table.order[this.table.order.indexOf(at) + by]);
    this.table.show(last);
  }

  // tick draws what has changed since the last time, as often as it is worth it.
  tick() {
    this.frame = requestAnimationFrame(() => this.tick());
    const { run, drawn } = this;
    const now = performance.now();
    const changed = drawn.version !== run.version;
    if (run.agg === null || (!changed && !run.running) || now - drawn.at < Math.max(movesEvery, restFactor * drawn.took)) {
      return;
    }
    if (changed && (now - drawn.arranged > arrangesEvery || run.items.length <= 1000 || !run.running)) {
      this.table.arrange();
      drawn.arranged = now;
    }
    drawn.version = run.version;
    drawn.at = now;
    this.draw();
    drawn.took = performance.now() - now;
  }

  draw() {
    const { run } = this;
    const axis = axisOf(run);
    this.drawHead(run.agg);
    this.overview.draw(run, axis);
    this.table.draw(axis);
  }

  drawHead(agg) {
    document.title = `${agg.name || agg.id} · Gather`;
    setText(this.title, agg.name || agg.id);
    setText(this.chip, agg.reason ? `${agg.status}: ${agg.reason}` : agg.status);
    this.chip.className = `chip ${agg.status}`;
    const elapsed = this.run.running ? this.run.now - this.run.accepted : agg.elapsed_ms;
    setText(this.facts, [agg.name && agg.id, `created ${ago(agg.created_at)}`, `${duration(elapsed)} elapsed`,
      agg.expires_at && `kept until ${new Date(agg.expires_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}`].filter(Boolean).join(" · "));
    if (this.labels.childElementCount === 0) {
      this.labels.replaceChildren(...Object.entries(agg.labels).map(([key, value]) => h("li", {}, `${key}: ${value}`)));
    }
    this.drawProgress(agg.counts);
    const finished = !this.run.running;
    this.buttons.cancel.hidden = finished;
    this.buttons.retry.hidden = !finished || agg.counts.failed + agg.counts.canceled === 0;
    this.buttons.repeat.hidden = !finished;
    this.buttons.remove.hidden = this.menu.hidden = false;
  }

  drawProgress(counts) {
    const done = counts.total - counts.pending;
    for (const name of outcomes) {
      setWidth(this.parts[name], counts[name] / counts.total);
    }
    this.progress.setAttribute("aria-valuemax", String(counts.total));
    this.progress.setAttribute("aria-valuenow", String(done));
    this.progress.setAttribute("aria-valuetext", `${done} of ${counts.total}`);
    for (const item of this.counts.children) {
      setText(item.firstChild, number(counts[item.className]));
    }
    const quarter = Math.floor((4 * done) / counts.total);
    if (this.run.running && quarter > (this.saidQuarter ?? 0)) {
      say(`${done} of ${counts.total} done, ${counts.failed} failed`);
    }
    this.saidQuarter = quarter;
  }
}

// The table of items: sorted, filtered, each with its bar.

import { segments } from "./axis.js";
import { cutMiddle, h, setText, setWidth } from "./dom.js";
import { duration, number } from "./format.js";
import { VirtualRows } from "./rows.js";
import { pendingStatuses } from "./run.js";
import { drawTicks } from "./ticks.js";

const narrow = matchMedia("(max-width: 760px)");

const columns = [
  { name: "index", title: "#", value: (item) => item.index },
  { name: "status", title: "Status", value: (item) => item.status },
  { name: "url", title: "Request", value: (item) => item.key || item.url },
  { name: "http", title: "HTTP", value: (item) => item.http_status ?? 0 },
  { name: "attempts", title: "Tries", value: (item) => item.attempts },
  { name: "elapsed", title: "Time", value: (item) => item.elapsed_ms ?? -1 },
];

const filters = {
  all: () => true,
  failed: (item) => item.status === "failed",
  canceled: (item) => item.status === "canceled",
  pending: (item) => pendingStatuses.includes(item.status),
  succeeded: (item) => item.status === "succeeded",
};

export class ItemTable {
  constructor(run, onOpen) {
    this.run = run;
    this.order = [];
    this.filter = "all";
    this.text = "";
    this.sort = { column: columns[0], down: false };
    this.rows = new VirtualRows({
      label: "Items", make: () => makeRow(), fill: (row, position) => this.fill(row, position),
      open: (position) => onOpen(this.order[position]), rowHeight: () => (narrow.matches ? 58 : 30),
    });
    this.ticks = h("div.ticks", { "aria-hidden": "true" });
    this.headings = columns.map((column) => h(`div.cell.${column.name}`, { role: "columnheader" },
      h("button.heading", { type: "button", onclick: () => this.sortBy(column) }, column.title)));
    this.grid = h("div.grid", { role: "grid", "aria-label": "Items", "aria-colcount": "7" },
      h("div.row.head", { role: "row" }, this.headings, h("div.cell.timeline", { role: "columnheader", "aria-label": "Timeline" }, this.ticks)),
      this.rows.element);
    this.none = h("p.empty", { hidden: true }, "No item matches.");
    this.element = h("section.panel.items", { "aria-label": "Items" }, this.bar(), this.grid, this.none);
    this.onNarrow = () => this.rows.relayout();
    narrow.addEventListener("change", this.onNarrow);
    this.markSort();
  }

  close() {
    narrow.removeEventListener("change", this.onNarrow);
  }

  bar() {
    this.buttons = Object.keys(filters).map((name) => h("button.small", {
      type: "button", "data-filter": name, "aria-pressed": String(name === this.filter), onclick: () => this.filterBy(name),
    }, name));
    const search = h("input.search", {
      type: "search", placeholder: "URL, key, status code or error", "aria-label": "Search items", spellcheck: "false",
      oninput: () => { this.text = search.value.trim().toLowerCase(); this.arrange(); },
    });
    return h("div.row.filters", {}, h("div.row.group", { role: "group", "aria-label": "Show" }, this.buttons), search);
  }

  filterBy(name) {
    this.filter = name;
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.filter === name));
    }
    this.arrange();
  }

  sortBy(column) {
    this.sort = { column, down: this.sort.column === column && !this.sort.down };
    this.markSort();
    this.arrange();
  }

  markSort() {
    for (const [i, heading] of this.headings.entries()) {
      heading.setAttribute("aria-sort", columns[i] !== this.sort.column ? "none" : this.sort.down ? "descending" : "ascending");
    }
  }

  // arrange decides which items are shown, and in which order.
  arrange() {
    const { column, down } = this.sort;
    const wanted = this.run.items.filter((item) => filters[this.filter](item) && this.matches(item));
    if (column.name !== "index" || down) {
      const sign = down ? -1 : 1;
      wanted.sort((a, b) => sign * compare(column.value(a), column.value(b)) || a.index - b.index);
    }
    this.order = wanted.map((item) => item.index);
    this.grid.setAttribute("aria-rowcount", String(this.order.length + 1));
    this.none.hidden = this.order.length > 0;
    this.countFilters();
    this.rows.setCount(this.order.length);
  }

  matches(item) {
    return this.text === "" || [item.url, item.key, item.http_status, item.error?.code, item.error?.message]
      .some((value) => value !== undefined && String(value).toLowerCase().includes(this.text));
  }

  countFilters() {
    const { counts } = this.run.agg;
    for (const button of this.buttons) {
      const name = button.dataset.filter;
      const n = name === "all" ? counts.total : counts[name];
      setText(button, `${name} ${number(n)}`);
      button.hidden = n === 0 && name !== "all" && name !== "failed" && name !== this.filter;
    }
  }

  // draw shows the rows in sight anew, on the axis.
  draw(axis) {
    this.axis = axis;
    drawTicks(this.ticks, axis);
    this.rows.draw();
  }

  // show scrolls to an item.
  show(index) {
    const position = this.order.indexOf(index);
    if (position >= 0) {
      this.rows.go(position);
    }
  }

  fill(row, position) {
    const item = this.run.items[this.order[position]];
    const { index, chip, url, http, attempts, elapsed, timeline } = row.cells;
    setText(index, String(item.index));
    setText(chip, item.status);
    chip.className = `chip ${item.status}`;
    cutMiddle(url, item.key ? `${item.key} · ${item.url}` : item.url || "…");
    url.title = item.error ? `${item.url}\n${item.error.message}` : item.url;
    setText(http, item.http_status ? String(item.http_status) : item.error ? item.error.code : "");
    if (http.title !== http.textContent) {
      http.title = http.textContent;
    }
    setText(attempts, item.attempts > 0 ? String(item.attempts) : "");
    setText(elapsed, item.elapsed_ms > 0 ? duration(item.elapsed_ms) : "");
    if (this.axis) {
      drawBar(timeline, segments(item, this.run, this.axis), this.axis);
    }
  }
}

function compare(a, b) {
  return a === b ? 0 : a < b ? -1 : 1;
}

function makeRow() {
  const cells = Object.fromEntries(["index", "url", "http", "attempts", "elapsed"].map((name) => [name, h(`div.cell.${name}`, { role: "gridcell" })]));
  cells.chip = h("span.chip");
  cells.timeline = h("div.cell.timeline", { role: "presentation" });
  const status = h("div.cell.status", { role: "gridcell" }, cells.chip);
  const row = h("div.row", { role: "row", tabindex: "-1" }, cells.index, status, cells.url, cells.http, cells.attempts, cells.elapsed, cells.timeline);
  row.cells = cells;
  return row;
}

// drawBar reuses the parts that the bar had before.
function drawBar(cell, parts, axis) {
  while (cell.children.length > parts.length) {
    cell.lastChild.remove();
  }
  while (cell.children.length < parts.length) {
    cell.append(document.createElement("i"));
  }
  for (const [i, [from, to, kind]] of parts.entries()) {
    const part = cell.children[i];
    const left = axis.share(from);
    part.className = kind;
    part.style.left = `${(100 * left).toFixed(2)}%`;
    setWidth(part, axis.share(to) - left);
  }
}

// Recent aggregations, live.

import { aggregations, getJSON } from "./api.js";
import { chip, cutMiddle, h, newId, setWidth } from "./dom.js";
import { ago, duration, number } from "./format.js";

const refreshEvery = 2500; // ms
const onPage = 50;
const statuses = ["queued", "running", "succeeded", "partial", "failed", "canceled"];

// listView shows those that the query of its address asks for.
export function listView(query) {
  const view = new ListView(query);
  return { title: "Aggregations", element: view.element, close: () => view.close(), address: () => view.address() };
}

// recentList is a short list, for beside the form.
export function recentList() {
  const table = new ListTable(8, "Nothing was sent yet.");
  table.show(new URLSearchParams(), "");
  const element = h("section.panel.recent", { "aria-label": "Recent aggregations" },
    h("div.row", {}, h("h2", {}, "Recent"), h("span.space"), h("a", { href: "#/aggregations" }, "All")), table.element);
  return { element, close: () => table.close() };
}

class ListView {
  constructor(asked) {
    this.cursors = [""];
    this.table = new ListTable(onPage, "No aggregation matches.", (page) => this.turned(page));
    const [status, label] = [newId("status"), newId("label")];
    this.faults = h("div.faults", { id: `${label}-faults`, role: "alert" });
    this.status = h("select", { id: status, onchange: () => this.filter() }, h("option", { value: "" }, "any"), statuses.map((name) => h("option", {}, name)));
    this.label = h("input", { id: label, type: "text", placeholder: "team:search", autocomplete: "off", spellcheck: "false", "aria-describedby": this.faults.id, onchange: () => this.filter() });
    this.status.value = statuses.includes(asked.get("status")) ? asked.get("status") : "";
    this.label.value = asked.getAll("label").join(" ");
    this.newer = h("button.small", { type: "button", onclick: () => this.turn(-1) }, "Newer");
    this.older = h("button.small", { type: "button", onclick: () => this.turn(1) }, "Older");
    this.element = h("section.panel.list", { "aria-label": "Aggregations" },
      h("div.row.filters", {}, h("h1", {}, "Aggregations"), h("span.space"),
        h("div.field", {}, h("label", { for: status }, "Status"), this.status),
        h("div.field", {}, h("label", { for: label }, "Label"), this.label, this.faults)),
      this.table.element, h("div.row.end.pages", {}, this.newer, this.older));
    this.filter();
  }

  // address is where the list is as it is filtered.
  address() {
    const query = this.query.toString().replaceAll("%3A", ":");
    return `#/aggregations${query && `?${query}`}`;
  }

  filter() {
    const query = new URLSearchParams();
    if (this.status.value !== "") {
      query.set("status", this.status.value);
    }
    for (const label of this.label.value.split(/[\s,]+/).filter(Boolean)) {
      query.append("label", label);
    }
    this.query = query;
    this.cursors = [""];
    history.replaceState(null, "", this.address());
    const wrong = query.getAll("label").find((pair) => pair.indexOf(":") < 1);
    this.faults.textContent = wrong === undefined ? "" : `${wrong} is no label; write NAME:VALUE`;
    this.label.setAttribute("aria-invalid", String(wrong !== undefined));
    if (wrong === undefined) {
      this.table.show(query, "");
    } else {
      this.table.showNone();
    }
  }

  turn(by) {
    if (by < 0) {
      this.cursors.pop();
    } else {
      this.cursors.push(this.next);
    }
    this.table.show(this.query, this.cursors.at(-1));
  }

  turned({ next_cursor: next }) {
    this.next = next;
    this.older.disabled = next === "";
    this.newer.disabled = this.cursors.length === 1;
  }

  close() {
    this.table.close();
  }
}

// ListTable is one page of the list, which it reads again and again.
class ListTable {
  constructor(limit, empty, onPage = () => {}) {
    Object.assign(this, { limit, onPage });
    this.body = h("tbody");
    this.rows = new Map();
    this.problem = h("p.notice.bad", { hidden: true, role: "alert" });
    this.none = h("p.empty", { hidden: true }, empty);
    this.table = h("table", {},
      h("thead", {}, h("tr", {}, ["Status", "Aggregation", "Items", "Elapsed", "Created"].map((title) => h("th", { scope: "col" }, title)))), this.body);
    this.element = h("div.scrolling", {}, this.problem, this.table, this.none);
  }

  show(query, cursor) {
    this.stop?.abort();
    this.stop = new AbortController();
    const whole = new URLSearchParams(query);
    whole.set("limit", String(this.limit));
    if (cursor !== "") {
      whole.set("cursor", cursor);
    }
    this.refresh(whole, this.stop.signal);
  }

  // showNone is for what can't be asked for.
  showNone() {
    this.stop?.abort();
    this.problem.hidden = this.table.hidden = this.none.hidden = true;
    this.onPage({ next_cursor: "" });
  }

  close() {
    this.stop?.abort();
  }

  async refresh(query, signal) {
    while (!signal.aborted) {
      if (!document.hidden) {
        await this.read(query, signal);
      }
      await new Promise((resolve) => setTimeout(resolve, refreshEvery));
    }
  }

  async read(query, signal) {
    try {
      const page = await getJSON(`${aggregations}?${query}`, { signal });
      this.problem.hidden = true;
      this.fill(page.items);
      this.onPage(page);
    } catch (error) {
      if (!signal.aborted) {
        this.problem.textContent = error.errors?.map((fault) => `${fault.location.replace("query.", "")} ${fault.message}`).join("; ") || error.message;
        this.problem.hidden = false;
        if (error.status === 422) {
          this.table.hidden = this.none.hidden = true; // what is there was not asked for
        }
        if (error.status === 401) {
          this.stop.abort(); // nobody wants to be asked for a key again and again
        }
      }
    }
  }

  // fill keeps the rows that are there, so that a link that has the focus keeps it.
  fill(items) {
    const rows = items.map((agg) => {
      const row = this.rows.get(agg.id) ?? h("tr", { "data-id": agg.id });
      const said = JSON.stringify(agg) + ago(agg.created_at);
      if (row.said !== said) {
        row.said = said;
        fillRow(row, agg);
      }
      return row;
    });
    this.rows = new Map(items.map((agg, i) => [agg.id, rows[i]]));
    for (const [i, row] of rows.entries()) {
      if (this.body.children[i] !== row) {
        this.body.insertBefore(row, this.body.children[i] ?? null);
      }
    }
    while (this.body.children.length > rows.length) {
      this.body.lastChild.remove();
    }
    this.none.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
  }
}

function fillRow(row, agg) {
  const link = row.querySelector("a") ?? h("a", { href: `#/aggregations/${agg.id}` });
  if (agg.name) {
    link.className = "";
    link.textContent = agg.name;
  } else {
    cutMiddle(link, agg.id, 8);
    link.title = agg.id;
  }
  const cells = [
    h("td", {}, chip(agg.status)),
    h("td.what", {}, link, h("ul.labels", {}, Object.entries(agg.labels).map(([key, value]) => h("li", {}, `${key}: ${value}`)))),
    h("td.items", {}, bar(agg.counts)),
    h("td.number", {}, duration(agg.elapsed_ms)),
    h("td.dim", { title: agg.created_at }, ago(agg.created_at)),
  ];
  const focused = document.activeElement === link;
  row.replaceChildren(...cells);
  if (focused) {
    link.focus();
  }
}

// bar is the counts, as a small bar and as text.
function bar(counts) {
  const progress = h("div.progress", { "aria-hidden": "true" });
  for (const name of ["succeeded", "failed", "canceled"]) {
    const part = h(`i.${name}`);
    setWidth(part, counts[name] / counts.total);
    progress.append(part);
  }
  const done = counts.total - counts.pending;
  const failed = counts.failed > 0 ? `, ${number(counts.failed)} failed` : "";
  return [progress, h("span.number.dim", {}, `${done === counts.total ? number(done) : `${number(done)}/${number(counts.total)}`}${failed}`)];
}

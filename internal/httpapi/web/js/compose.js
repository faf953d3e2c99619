// The form that makes an aggregation.

import { takeNext } from "./again.js";
import { create, randomKey } from "./api.js";
import { h, newId, say, setText } from "./dom.js";
import { placeFaults } from "./faults.js";
import { describe, readItems } from "./items.js";
import { recentList } from "./list.js";
import { remember } from "./memory.js";
import { snippets } from "./snippets.js";
import { buildSpec, defaultMethod, faultsOf } from "./spec.js";

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const draftKey = "gather-draft"; // the URLs alone: headers and bodies may be secrets

export function composeView() {
  const form = new ComposeForm();
  let recent = recentList();
  const element = h("div.compose", {}, form.element, h("div.beside", {}, form.code.element, recent.element));
  form.changed();
  return {
    title: "Compose", element,
    close: () => recent.close(),
    onKey() { // keeps what was filled in
      form.changed();
      recent.close();
      const others = recentList();
      recent.element.replaceWith(others.element);
      recent = others;
    },
  };
}

class ComposeForm {
  constructor() {
    this.fields = {};
    this.sent = null; // what was sent without success, as JSON, and its key
    this.code = snippets();
    this.recognised = h("p.hint", { "aria-live": "polite" });
    this.send = h("button.primary", { type: "submit" }, "Send");
    this.note = h("p.notice", { hidden: true });
    this.problem = h("p.notice.bad", { role: "alert", hidden: true });
    this.element = h("form.panel.form", {
      novalidate: true, "aria-label": "New aggregation",
      onsubmit: (event) => { event.preventDefault(); this.submit(); },
      oninput: (event) => { this.forgive(event.target); this.changed(); },
      onkeydown: (event) => this.onKey(event),
    }, this.rows());
    this.fillIn(takeNext());
  }

  // fillIn has the form hold what is to be sent again.
  fillIn(next) {
    if (next === null) {
      return;
    }
    for (const [name, { control }] of Object.entries(this.fields)) {
      control.value = next.values[name] ?? "";
      if (control.value !== "") {
        control.closest("details")?.setAttribute("open", "");
      }
    }
    this.note.textContent = next.note;
    this.note.hidden = next.note === "";
  }

  rows() {
    this.noMethod = h("option", { value: "" });
    const items = h("textarea", {
      rows: "7", spellcheck: "false", autocapitalize: "off", value: sessionStorage.getItem(draftKey) ?? "",
      placeholder: "https://api.example.com/items/{1..50}",
    });
    return [
      h("h1", {}, "Send many requests, get one answer"),
      this.note,
      this.field("items", "URLs, one a line, or JSON", items, this.recognised),
      h("div.fields", {},
        this.field("method", "Method", h("select", {}, this.noMethod, methods.map((name) => h("option", {}, name)))),
        this.input("concurrency", "Concurrency", "no cap", { inputmode: "numeric" }),
        this.input("deadline", "Deadline", "5m (s, m, h, d)"),
        this.input("attempts", "Attempts", "3", { inputmode: "numeric" })),
      this.field("headers", "Headers", h("textarea", { rows: "2", spellcheck: "false", placeholder: "Accept: application/json" })),
      this.field("body", "Body", h("textarea", { rows: "2", spellcheck: "false", placeholder: "JSON, or text as it is" })),
      h("details.more", {}, h("summary", {}, "Name, labels, timeout, priority, retention"),
        h("div.fields", {},
          this.input("name", "Name", "nightly check"),
          this.input("timeout", "Attempt timeout", "10s (s, m, h)"),
          this.field("priority", "Priority", h("select", {}, h("option", { value: "" }, "default"), h("option", {}, "high"), h("option", {}, "low"))),
          this.input("retention", "Kept for", "24h (s, m, h, d)")),
        this.field("labels", "Labels", h("textarea", { rows: "2", spellcheck: "false", placeholder: "team: search" }))),
      this.problem,
      h("div.row", {}, this.send, h("span.dim.keys", {}, "or Ctrl+Enter")),
    ];
  }

  input(name, label, placeholder, properties = {}) {
    return this.field(name, label, h("input", { type: "text", autocomplete: "off", placeholder, ...properties }));
  }

  // field is a control with its label, and the faults that the API finds with it.
  field(name, label, control, ...below) {
    const id = newId(name);
    const faults = h("div.faults", { id: `${id}-faults` });
    control.id = id;
    control.name = name;
    control.setAttribute("aria-describedby", faults.id);
    this.fields[name] = { control, faults };
    return h("div.field", {}, h("label", { for: id }, label), control, faults, below);
  }

  values() {
    return Object.fromEntries(Object.entries(this.fields).map(([name, { control }]) => [name, control.value]));
  }

  // changed reads the form anew, but not at every key while someone types.
  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), this.spec ? 150 : 0);
  }

  read() {
    clearTimeout(this.timer);
    const values = this.values();
    this.items = readItems(values.items);
    this.spec = buildSpec(this.items, values);
    this.recognised.textContent = describe(this.items);
    setText(this.noMethod, `auto: ${defaultMethod(values.body.trim() !== "")}`);
    this.code.update(this.spec);
    if (values.items.length < 100_000) {
      sessionStorage.setItem(draftKey, values.items);
    }
  }

  onKey(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.submit();
    }
  }

  async submit() {
    if (this.send.disabled) {
      return;
    }
    this.read();
    const faults = { ...faultsOf(this.values()), ...(this.items.error && { items: [this.items.error] }) };
    this.show(faults);
    if (Object.values(faults).some((sentences) => sentences.length > 0)) {
      return;
    }
    this.send.disabled = true;
    try {
      const agg = await create(this.spec, this.key());
      this.sent = null;
      remember(agg.id, this.spec, this.values());
      location.hash = `#/aggregations/${agg.id}`;
    } catch (error) {
      this.show(placeFaults(error.errors ?? [], this.items.lines), error.errors?.length ? "" : error.message);
    } finally {
      this.send.disabled = false;
    }
  }

  // key is the idempotency key: the same as long as the same is sent again, since what seemed
  // to fail may have been made.
  key() {
    const spec = JSON.stringify(this.spec);
    if (this.sent?.spec !== spec) {
      this.sent = { spec, key: randomKey() };
    }
    return this.sent.key;
  }

  // forgive takes away the faults of a field that is being changed.
  forgive(control) {
    const field = this.fields[control.name];
    if (field?.control === control) {
      setFaults(field, []);
    }
  }

  // show puts faults beside their fields, and what concerns none of them above the button.
  show(faults, message = "") {
    let first = null;
    for (const [name, field] of Object.entries(this.fields)) {
      const sentences = faults[name] ?? [];
      setFaults(field, sentences);
      if (sentences.length > 0) {
        field.control.closest("details")?.setAttribute("open", "");
        first ??= field;
      }
    }
    this.problem.hidden = message === "";
    this.problem.textContent = message;
    if (first) {
      first.control.focus();
      say(`Not sent: ${first.faults.textContent}`);
    }
  }
}

function setFaults({ control, faults }, sentences) {
  faults.replaceChildren(...sentences.map((sentence) => h("p", {}, sentence)));
  control.setAttribute("aria-invalid", String(sentences.length > 0));
}

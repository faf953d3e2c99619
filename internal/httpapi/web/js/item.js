// One item, opened: its body, attempts and error.

import { copyButton } from "./copy.js";
import { chip, h } from "./dom.js";
import { parse } from "./exact.js";
import { bytes, duration } from "./format.js";
import { longText, tree } from "./json.js";
import { requestOf } from "./memory.js";
import { loadLine } from "./watch.js";

// openItem shows an item in a drawer; step(±1) is the neighbour to go on to, undefined where
// there is none.
export function openItem(run, index, step) {
  const body = h("div.item-body");
  const title = h("h1", { id: "item-title", tabindex: "-1", autofocus: true });
  const [before, after] = [["Previous", -1], ["Next", 1]].map(([label, by]) => h("button.small", { type: "button", onclick: () => go(by) }, label));
  const dialog = h("dialog.drawer", {
    "aria-labelledby": "item-title",
    onclick: (event) => { if (event.target === dialog) { dialog.close(); } },
    onkeydown: (event) => { go({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0); },
  },
    h("div.drawer-head", {}, title, h("span.space"), before, after,
      h("button.small", { type: "button", onclick: () => dialog.close() }, "Close")),
    body);
  let loading = new AbortController();

  function go(by) {
    const next = by === 0 ? undefined : step(index, by);
    if (next !== undefined) {
      index = next;
      show();
    }
  }

  async function show() {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    const item = run.items[index];
    title.textContent = item.key ? `${item.index} · ${item.key}` : `Item ${item.index}`;
    before.disabled = step(index, -1) === undefined;
    after.disabled = step(index, 1) === undefined;
    body.replaceChildren(facts(item, requestOf(run.id, index).method));
    if (item.elapsed_ms === undefined) {
      return;
    }
    try {
      const result = parse(await loadLine(run, index, signal));
      if (!signal.aborted) {
        body.append(response(result));
      }
    } catch (error) {
      if (!signal.aborted) {
        body.append(h("p.notice.bad", {}, error.message));
      }
    }
  }

  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      loading.abort();
      dialog.remove();
      resolve(index);
    });
  });
  document.body.append(dialog);
  dialog.showModal();
  show();
  return closed;
}

function facts(item, method) {
  const list = [
    method && ["Method", method],
    ["URL", link(item.url)],
    ["Status", chip(item.status)],
    item.http_status && ["HTTP", `${item.http_status}`],
    item.content_type && ["Type", item.content_type],
    ["Attempts", String(item.attempts)],
    item.started_ms !== undefined && ["Started", `${duration(item.started_ms)} after the creation`],
    item.elapsed_ms > 0 && ["Took", item.last_attempt_ms === undefined ? duration(item.elapsed_ms)
      : `${duration(item.elapsed_ms)}, the last attempt ${duration(item.last_attempt_ms)}`],
  ].filter(Boolean);
  return h("div", {},
    item.error && h("p.notice.bad", {}, h("b", {}, item.error.code), `: ${item.error.message}`),
    h("dl.facts", {}, list.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}

// link is a URL to open, which learns nothing of this page.
function link(url = "") {
  if (!/^https?:\/\//i.test(url)) {
    return h("span.mono", {}, url || "told with the result");
  }
  return h("a.mono", { href: url, target: "_blank", rel: "noreferrer noopener" }, url);
}

// response is what the server answered.
function response(result) {
  if (result.body_base64 !== undefined) {
    const data = Uint8Array.from(atob(result.body_base64), (c) => c.charCodeAt(0));
    return section(result, `${bytes(data.length)}, binary`, () => result.body_base64, h("pre.code", {}, hexDump(data)));
  }
  if (result.body === undefined) {
    return h("p.dim", {}, "There is no body.");
  }
  if (typeof result.body === "string") {
    return section(result, bytes(result.body.length), () => result.body, h("pre.code.text", {}, longText(result.body, "plain")));
  }
  const text = () => JSON.stringify(result.body, null, 2);
  return section(result, "JSON", text, h("div.code.tree", {}, tree(result.body)));
}

function section(result, what, text, shown) {
  return h("section", { "aria-label": "Body" },
    h("div.row", {}, h("h2", {}, "Body"), h("span.dim", {}, what),
      result.truncated && h("span.chip.partial", {}, "cut: it was over the limit"), h("span.space"), copyButton(text)),
    shown);
}

const mostDumped = 512; // bytes

function hexDump(data) {
  const lines = [];
  for (let at = 0; at < Math.min(data.length, mostDumped); at += 16) {
    const row = [...data.slice(at, at + 16)];
    const hex = row.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join("\n") + (data.length > mostDumped ? `\n… ${data.length - mostDumped} more bytes` : "");
}

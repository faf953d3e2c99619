// All results as a file.

import { call, pathOf } from "./api.js";
import { h } from "./dom.js";
import { parse, Written } from "./exact.js";
import { lines } from "./sse.js";

const formats = {
  JSON: { extension: "json", load: async (id) => (await call("GET", pathOf(id))).blob() },
  NDJSON: { extension: "ndjson", load: async (id) => (await call("GET", pathOf(id, "/results"))).blob() },
  CSV: { extension: "csv", load: loadCSV },
};

// downloadMenu is a menu of the formats.
export function downloadMenu(id, onError) {
  const menu = h("details.menu", {
    onkeydown: (event) => { if (event.key === "Escape") { menu.open = false; menu.firstChild.focus(); } },
    onfocusout: (event) => { if (!menu.contains(event.relatedTarget)) { menu.open = false; } },
  },
    h("summary.button", {}, "Download"),
    h("div", {}, Object.keys(formats).map((name) => h("button", {
      type: "button", "data-format": name,
      onclick: async () => {
        menu.open = false;
        try {
          await download(id, name);
        } catch (error) {
          onError(error);
        }
      },
    }, name))));
  return menu;
}

async function download(id, name) {
  const { extension, load } = formats[name];
  const url = URL.createObjectURL(await load(id));
  h("a", { href: url, download: `${id}.${extension}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const csvColumns = ["index", "key", "url", "status", "http_status", "content_type", "elapsed_ms", "attempts", "truncated", "error_code", "error_message", "body"];

async function loadCSV(id) {
  const response = await call("GET", pathOf(id, "/results"));
  const parts = [`${csvColumns.join(",")}\r\n`];
  for await (const line of lines(response.body)) {
    parts.push(csvLine(parse(line)));
  }
  return new Blob(parts, { type: "text/csv" });
}

function csvLine(result) {
  const values = {
    ...result, error_code: result.error?.code, error_message: result.error?.message,
    body: bodyOf(result),
  };
  return `${csvColumns.map((column) => csvValue(values[column])).join(",")}\r\n`;
}

function bodyOf({ body, body_base64 }) {
  return typeof body === "object" && !(body instanceof Written) ? JSON.stringify(body) : body ?? body_base64;
}

// csvValue quotes as RFC 4180 has it. Text that a spreadsheet would take for a formula is
// made plain: it comes from servers that nobody vouches for.
function csvValue(value) {
  let text = value === undefined || value === null ? "" : String(value);
  if (typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(text)) {
    text = `'${text}`;
  }
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// The same aggregation as code, beside the form.

import { h } from "./dom.js";
import { copyButton } from "./copy.js";
import { curlOf } from "./curl.js";
import { goOf } from "./golang.js";
import { currentKey } from "./key.js";

const languages = { curl: curlOf, Go: goOf };
const mostShown = 20;

// snippets is a panel with the code, and update, which is told the spec.
export function snippets() {
  let spec = { urls: [] };
  let language = "curl";
  const code = h("pre.code", { tabindex: "0", id: "code", role: "tabpanel" });
  const more = h("p.hint.dim");
  const tabs = Object.keys(languages).map((name) => h("button.small.tab", {
    type: "button", role: "tab", "aria-controls": "code", onclick: () => choose(name), onkeydown: (event) => turn(event, name),
  }, name));

  function choose(name) {
    language = name;
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab.textContent === name));
      tab.tabIndex = tab.textContent === name ? 0 : -1;
    }
    code.setAttribute("aria-label", `The same in ${name}`);
    show();
  }

  function turn(event, name) {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const other = tabs.find((tab) => tab.textContent !== name);
      choose(other.textContent);
      other.focus();
    }
  }

  function write(whole) {
    return languages[language](whole, document.baseURI.replace(/[^/]*(#.*)?$/, ""), currentKey() !== "");
  }

  function show() {
    const { short, left } = shortened(spec);
    code.textContent = write(short);
    more.textContent = left > 0 ? `Shows ${mostShown} requests; the copy has the other ${left.toLocaleString("en")}, too.` : "";
  }

  const element = h("section.panel.snippets", { "aria-label": "The same as code" },
    h("div.row", {}, h("div.row", { role: "tablist", "aria-label": "Language" }, tabs), h("span.space"), copyButton(() => write(spec))),
    code, more);
  choose(language);
  return { element, update: (next) => { spec = next; show(); } };
}

// shortened is the spec with its first requests alone, and how many those are that are left out.
function shortened(spec) {
  const list = spec.urls ? "urls" : "requests";
  const left = Math.max(0, spec[list].length - mostShown);
  return { short: { ...spec, [list]: spec[list].slice(0, mostShown) }, left };
}

// The console: which view is shown, and what is around it.

import { aggregationView } from "./aggregation.js";
import { composeView } from "./compose.js";
import { h } from "./dom.js";
import { askKey, keyChanged } from "./key.js";
import { listView } from "./list.js";
import { showSystem } from "./system.js";

const main = document.getElementById("main");
let shown = null;

// viewOf is the view that an address is for.
function viewOf(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?", 2);
  const one = /^aggregations\/([^/]+)$/.exec(path);
  if (one !== null) {
    return ["list", aggregationView(decodeURIComponent(one[1]))];
  }
  if (path === "aggregations") {
    return ["list", listView(new URLSearchParams(query))];
  }
  if (path === "") {
    return ["compose", composeView()];
  }
  return ["", { title: "Not found", element: h("p.empty", {}, "There is nothing at this address."), close() {} }];
}

function show() {
  if (location.hash === "#main") { // the link that skips to it
    main.focus();
    history.replaceState(null, "", shown?.view.address?.() || shown?.hash || "#/");
    return;
  }
  const first = shown === null;
  for (const dialog of document.querySelectorAll("dialog[open]")) {
    dialog.close(); // it belongs to the view that goes
  }
  shown?.view.close();
  const [name, view] = viewOf(location.hash);
  shown = { view, hash: location.hash };
  document.title = `${view.title} · Gather`;
  main.replaceChildren(view.element);
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === name) {
      link.setAttribute("aria-current", "page");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  if (!first) {
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

function themeButton(button) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const changed = () => {
    button.textContent = dark() ? "Light" : "Dark";
    window.dispatchEvent(new Event("resize")); // canvases have colours of their own
  };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("gather-theme", root.dataset.theme);
    changed();
  });
  system.addEventListener("change", changed);
  changed();
}

window.addEventListener("hashchange", show);
window.addEventListener(keyChanged, () => (shown.view.onKey ?? show)());
document.getElementById("key").addEventListener("click", () => askKey());
themeButton(document.getElementById("theme"));
showSystem(document.getElementById("system"));
show();

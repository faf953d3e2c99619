// The API key: asked for when the API wants one, and kept for this tab alone.

import { h, newId } from "./dom.js";

const stored = "gather-key";

// keyChanged is the event, of the window, after which there is another key, or none.
export const keyChanged = "gather-key-changed";

export function currentKey() {
  return sessionStorage.getItem(stored) ?? "";
}

let open = null; // the promise of the dialog that is open

// askKey asks for a key, and says why; refused tells that the one there is was refused. It
// resolves to whether one was given. Whoever asks while the dialog is open gets the same answer.
export function askKey(why = "", refused = false) {
  open ??= showDialog(why, refused).finally(() => { open = null; });
  return open;
}

function showDialog(why, refused) {
  const id = newId("key");
  const input = h("input", {
    id, type: "password", name: "key", autocomplete: "off", spellcheck: "false", value: refused ? "" : currentKey(), autofocus: true,
  });
  const dialog = h("dialog.small", { "aria-labelledby": `${id}-title` },
    h("form", { method: "dialog" },
      h("h1", { id: `${id}-title` }, "API key"),
      why !== "" && h(`p.notice${refused ? ".bad" : ""}`, { role: "alert" }, why),
      h("div.field", {},
        h("label", { for: id }, "Key"), input,
        h("p.hint", {}, "Kept in this tab until it is closed, and sent to this server alone.")),
      h("div.row.end", {},
        h("button.quiet", { type: "button", onclick: () => dialog.close("forget") }, "Forget it"),
        h("button", { type: "button", onclick: () => dialog.close("cancel") }, "Cancel"),
        h("button.primary", { value: "use" }, "Use this key"))));
  document.body.append(dialog);
  dialog.showModal();
  input.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(settle(dialog.returnValue, input.value.trim()));
    });
  });
}

function settle(answer, key) {
  const before = currentKey();
  const given = answer === "use" && key !== "";
  if (answer === "forget") {
    sessionStorage.removeItem(stored);
  } else if (given) {
    sessionStorage.setItem(stored, key);
  }
  if (currentKey() !== before) {
    window.dispatchEvent(new Event(keyChanged));
  }
  return given;
}

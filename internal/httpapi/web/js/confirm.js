// Asking before something is gone.

import { h } from "./dom.js";

// confirmed resolves to whether the answer was yes.
export function confirmed(question, consequence, yes) {
  const dialog = h("dialog.small", { "aria-labelledby": "question", "aria-describedby": "consequence" },
    h("form", { method: "dialog" },
      h("h1", { id: "question" }, question), h("p", { id: "consequence" }, consequence),
      h("div.row.end", {}, h("button", { value: "", autofocus: true }, "Keep it"), h("button.danger", { value: "yes" }, yes))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

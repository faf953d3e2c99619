// Copying to the clipboard, also on pages that are not served over TLS.

import { h, say } from "./dom.js";

export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = h("textarea.unseen", { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// copyButton copies what text returns when it is pressed.
export function copyButton(text, label = "Copy") {
  const button = h("button.small", {
    type: "button",
    onclick: async () => {
      try {
        await copy(text());
        button.textContent = "Copied";
        say("Copied");
      } catch {
        button.textContent = "Can't copy";
      }
      setTimeout(() => { button.textContent = label; }, 1500);
    },
  }, label);
  return button;
}

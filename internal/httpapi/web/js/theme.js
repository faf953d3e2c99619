// The chosen theme, set before anything is drawn. That is why this is no module.
"use strict";
(() => {
  const chosen = localStorage.getItem("gather-theme");
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
})();

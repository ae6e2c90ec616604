// Light or dark as Airflow is, where the page stands inside it; else as the system is.
"use strict";

function airflowTheme() {
  try {
    if (window.parent === window) return "";
    const root = window.parent.document.documentElement;
    if (root.classList.contains("dark")) return "dark";
    return root.classList.contains("light") ? "light" : "";
  } catch {
    // Another origin's page is around this one: it says nothing of itself.
    return "";
  }
}

function follow() {
  document.documentElement.dataset.theme = airflowTheme();
}

follow();
try {
  if (window.parent !== window) {
    new MutationObserver(follow).observe(window.parent.document.documentElement, {
      attributes: true,
      attributeFilter: ["class"],
    });
  }
} catch {
  // As above.
}

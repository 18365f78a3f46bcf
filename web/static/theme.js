// Light or dark, before anything is drawn: what the switch at the top has chosen, else what the system has.
"use strict";

const KEY = "theme";
const root = document.documentElement;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const systems = () => (systemIsDark.matches ? "dark" : "light");

// Where the browser keeps nothing for us, the choice lasts as long as the page.
let chosen = null;
try { chosen = localStorage.getItem(KEY); } catch { /* forbidden */ }

function show() {
  root.dataset.bsTheme = ["light", "dark"].includes(chosen) ? chosen : systems();
  document.querySelector("[data-theme-switch]")?.setAttribute("aria-pressed", root.dataset.bsTheme === "dark");
}

// Who chooses what the system has follows the system again.
function turn() {
  const other = root.dataset.bsTheme === "dark" ? "light" : "dark";
  chosen = other === systems() ? null : other;
  try {
    if (chosen) localStorage.setItem(KEY, chosen);
    else localStorage.removeItem(KEY);
  } catch { /* forbidden */ }
  show();
}

show();
systemIsDark.addEventListener("change", show);
addEventListener("storage", (event) => { if (event.key === KEY) { chosen = event.newValue; show(); } });
addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", turn);
  show();
});

// Light or dark, before anything is drawn: what the switch at the top has chosen, else what the system has.
"use strict";

const KEY = "theme";
const root = document.documentElement;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const systems = () => (systemIsDark.matches ? "dark" : "light");

// In a cookie: what else a browser keeps for us is forgotten with signing out. Where it keeps none, the choice lasts as
// long as the page.
const keep = (choice, seconds) => {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${KEY}=${choice}; path=/; max-age=${seconds}; samesite=lax${secure}`;
};
const kept = () => document.cookie.match(/(?:^|; )theme=(\w+)/)?.[1] ?? null;
const A_YEAR = 365 * 24 * 60 * 60;
let chosen = kept();

function show() {
  root.dataset.bsTheme = ["light", "dark"].includes(chosen) ? chosen : systems();
  document.querySelector("[data-theme-switch]")?.setAttribute("aria-pressed", root.dataset.bsTheme === "dark");
}

// Who chooses what the system has follows the system again.
function turn() {
  const other = root.dataset.bsTheme === "dark" ? "light" : "dark";
  chosen = other === systems() ? null : other;
  if (chosen) keep(chosen, A_YEAR);
  else keep("", 0);
  show();
}

show();
systemIsDark.addEventListener("change", show);
// It may have been turned in another tab.
document.addEventListener("visibilitychange", () => { if (navigator.cookieEnabled) { chosen = kept(); show(); } });
addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", turn);
  show();
});

// Once somebody has signed out, nothing that was theirs is shown any more: neither in another tab nor by "Back" to a page
// that the browser has kept as it was. The login page tells the others; it knows nobody whose drafts are to be kept.
"use strict";

const SIGNED_OUT = "signed-out";
const hasSignedIn = () => document.querySelector("[data-menu]") !== null;

try {
  if (document.querySelector("form[data-drafts='']")) localStorage.setItem(SIGNED_OUT, Date.now());
  addEventListener("storage", ({ key, newValue }) => {
    if (key === SIGNED_OUT && newValue && hasSignedIn()) location.reload();
  });
  addEventListener("pageshow", ({ persisted }) => {
    const isOver = Number(localStorage.getItem(SIGNED_OUT)) > performance.timeOrigin;
    if (persisted && isOver && hasSignedIn()) location.reload();
  });
} catch {
  // A browser that keeps nothing for us.
}

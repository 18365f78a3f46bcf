// The menu at the top opens by itself; here it closes again: with Escape, and as soon as somebody is elsewhere.
"use strict";

const menu = document.querySelector("[data-menu]");
const closeElsewhere = ({ target }) => { if (target instanceof Node && !menu.contains(target)) menu.open = false; };

document.addEventListener("click", closeElsewhere);
document.addEventListener("focusin", closeElsewhere);
menu.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

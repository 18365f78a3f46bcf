// One click is enough: a form that is on its way is not sent again. What comes through all the same, without a script or
// over a line that was cut, is known to the server by the key of the form.
"use strict";

// Milliseconds after which a form may be sent again, as its answer may never come: the line was cut, or loading stopped.
const GIVEN_UP_AFTER = 15000;
const underWay = new Map();

const buttonsOf = (form) => [...form.elements].filter((element) => element.matches("button:not([type=button])"));

function release(form) {
  clearTimeout(underWay.get(form));
  underWay.delete(form);
  for (const button of buttonsOf(form)) button.removeAttribute("aria-disabled");
}

// Last of all who hear of it: what another script has stopped is not under way. The button is off for whoever sees or
// hears it, and keeps the focus, which a disabled one would lose.
addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (underWay.has(form)) {
    event.preventDefault();
    return;
  }
  underWay.set(form, setTimeout(release, GIVEN_UP_AFTER, form));
  for (const button of buttonsOf(form)) button.setAttribute("aria-disabled", "true");
  const news = document.getElementById("live-news");
  news.textContent = news.dataset.sending;
});

function releaseAll() {
  if (underWay.size) document.getElementById("live-news").textContent = "";
  for (const form of underWay.keys()) release(form);
}

// The page as it was left, brought back by the browser.
addEventListener("pageshow", ({ persisted }) => { if (persisted) releaseAll(); });
// Somebody was asked whether to leave, and may have stayed: the question comes before anything is sent.
addEventListener("beforeunload", (event) => setTimeout(() => { if (event.defaultPrevented) releaseAll(); }));

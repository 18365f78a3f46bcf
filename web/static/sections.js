// What the form of a section does beyond sending itself: it finds a model among many, shows the key while it is typed,
// says that another provider needs its own key, and warns of changes that would be lost.
"use strict";

// From so many on a list is searched by typing; a shorter one is seen at a glance, and phones have lists of their own.
const LONG_LIST = 15;

function offerSearch(root) {
  for (const select of root.querySelectorAll("form[data-search-words] select[name=model]")) {
    if (select.options.length <= LONG_LIST || select.hidden) continue;
    const { searchWords: search, foundWords: found, keptWords: kept } = select.form.dataset;
    makeCombobox(select, { search, found, kept });
  }
}

// The button beside a key, which shows it while it is typed. It goes out hidden, so that none is there without us.
function showKey(button, isShown) {
  document.getElementById(button.getAttribute("aria-controls")).type = isShown ? "text" : "password";
  button.firstElementChild.textContent = isShown ? button.dataset.hide : button.dataset.show;
}

function enhance(root) {
  offerSearch(root);
  for (const button of root.querySelectorAll("[data-show-key]")) button.hidden = false;
}

// What the server chose, whatever has been changed since.
const chosenIn = (select) => ([...select.options].find((option) => option.defaultSelected) ?? select.options[0]).value;

function followProvider(select) {
  const { api_key: key, model } = select.form.elements;
  const isOther = select.value !== chosenIn(select);
  const hint = document.getElementById(`${key.id}-hint`);
  document.getElementById("live-news").textContent = hint.textContent = select.selectedOptions[0].dataset.keyHint;
  // Where there is no list, the model is typed.
  if (!model.matches("select")) return;
  for (const option of model.options) option.hidden = option.disabled = isOther && option.value !== "";
  model.querySelector("[data-first]").hidden = !isOther && chosenIn(model) !== "";
  model.value = isOther ? "" : chosenIn(model);
  showChosenIn(model);
}

// Whether something in the form differs from what the server put there.
const isChanged = (form) => [...form.elements].some((field) =>
  field.matches("select") ? field.value !== chosenIn(field) : field.name && field.value !== field.defaultValue);

let sent = null;

document.addEventListener("fresh", ({ target }) => enhance(target));
document.addEventListener("change", ({ target }) => {
  if (target.matches("form[data-part] select[name=provider_kind]")) followProvider(target);
});
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-show-key]");
  if (!button) return;
  const isShown = document.getElementById(button.getAttribute("aria-controls")).type === "password";
  showKey(button, isShown);
  document.getElementById("live-news").textContent = isShown ? button.dataset.shown : button.dataset.hidden;
});
document.addEventListener("submit", ({ target }) => {
  sent = target;
  // What is sent as text may be offered for other fields by the browser.
  for (const button of target.querySelectorAll("[data-show-key]")) showKey(button, false);
});
addEventListener("beforeunload", (event) => {
  const forms = [...document.querySelectorAll("form[data-search-words]")];
  if (!forms.some((form) => form !== sent && isChanged(form))) return;
  event.preventDefault();
  // Whoever stays has sent nothing.
  setTimeout(() => { sent = null; });
});

// A browser that was gone back in has filled the form in again.
addEventListener("pageshow", () => {
  for (const select of document.querySelectorAll("form[data-search-words] select[name=model]")) showChosenIn(select);
});

enhance(document);

// A field that finds one of many options by typing: an editable combobox with list autocomplete and manual selection, as
// the ARIA Authoring Practices describe it. It stands in for a select, which stays the field of the form: its value
// changes only when a person picks an option. Whatever is typed and not picked is dropped when they leave.
"use strict";

const comboboxes = new WeakMap();

function elementOf(name, attributes) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}

function makeCombobox(select, words) {
  const { input, list, note } = addParts(select);
  const news = document.getElementById("live-news");
  let isTyping = false;
  let active = null;

  const isOpen = () => !list.hidden;
  const chosen = () => select.selectedOptions[0]?.text ?? "";
  const keptWords = () => words.kept.replace("{}", chosen);
  const offered = () => [...select.options].filter((option) => !option.disabled && !option.hidden);

  function activate(item) {
    active?.classList.remove("active");
    active = item;
    if (!active) return input.removeAttribute("aria-activedescendant");
    active.classList.add("active");
    active.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", active.id);
  }

  function open() {
    const wanted = isTyping ? input.value.toLowerCase().split(/\s+/) : [];
    const found = offered().filter(({ text }) => wanted.every((part) => text.toLowerCase().includes(part)));
    activate(null);
    list.replaceChildren(...found.map(itemOf));
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(isOpen()));
    if (isTyping) tellOf(found.length);
    if (isOpen()) list.scrollIntoView({ block: "nearest" });
  }

  // At once, and not when they leave: a button below that moved away under the pointer would hear no click.
  function tellOf(count) {
    news.textContent = words.found.replace("{}", count);
    note.textContent = `${count ? "" : `${news.textContent}. `}${keptWords()}`;
    note.classList.add("text-warning-emphasis");
  }

  function itemOf(option, at) {
    const item = elementOf("li", { id: `${list.id}-${at}`, class: "dropdown-item", role: "option" });
    item.setAttribute("aria-selected", String(option.selected));
    item.dataset.index = option.index;
    item.textContent = option.text;
    return item;
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    activate(null);
  }

  // Shows what is chosen; whoever has typed something is told once more, and can read it still.
  function showChosen() {
    close();
    input.value = chosen();
    if (isTyping) {
      news.textContent = keptWords();
    } else {
      note.textContent = words.search;
      note.classList.remove("text-warning-emphasis");
    }
    isTyping = false;
  }

  function startAnew() {
    isTyping = false;
    showChosen();
    input.select();
  }

  function pick(item) {
    select.selectedIndex = Number(item.dataset.index);
    startAnew();
    for (const name of ["input", "change"]) select.dispatchEvent(new Event(name, { bubbles: true }));
  }

  function step(isForward) {
    const atEnd = isForward ? "firstElementChild" : "lastElementChild";
    if (isOpen()) return activate((isForward ? active?.nextElementSibling : active?.previousElementSibling) ?? list[atEnd]);
    open();
    activate(list.querySelector("[aria-selected=true]") ?? list[atEnd]);
  }

  const keys = {
    ArrowDown: ({ altKey }) => (altKey ? open() : step(true)),
    ArrowUp: ({ altKey }) => (altKey ? close() : step(false)),
    // Never sends the form: who looks for a model is not done.
    Enter: () => { if (active) pick(active); else if (!isOpen()) open(); },
    Escape: () => { if (isOpen()) close(); else startAnew(); },
  };

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    // They move in what is typed.
    if (["Home", "End", "ArrowLeft", "ArrowRight"].includes(event.key)) activate(null);
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key](event);
  });
  input.addEventListener("input", () => { isTyping = true; open(); });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => {
    if (!isTyping) input.select();
    if (!isOpen()) open();
  });
  input.addEventListener("blur", showChosen);
  // The focus stays in the field, also while the list is scrolled.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", ({ target }) => {
    const item = target.closest("[role=option]");
    if (item) pick(item);
  });

  comboboxes.set(select, showChosen);
  showChosen();
}

// The field and its list in the place of the select, and a note below them.
function addParts(select) {
  const label = document.querySelector(`label[for="${select.id}"]`);
  const note = elementOf("div", { id: `${select.id}-note`, class: "form-text" });
  const list = elementOf("ul", { id: `${select.id}-list`, class: "dropdown-menu show w-100", role: "listbox" });
  const input = elementOf("input", {
    type: "text",
    id: `${select.id}-search`,
    class: select.className,
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": list.id,
    "aria-describedby": [select.getAttribute("aria-describedby"), note.id].filter(Boolean).join(" "),
    "aria-invalid": select.getAttribute("aria-invalid") ?? "false",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    // What is typed here is no change of the form.
    "data-search": "",
  });
  const box = elementOf("div", { class: "combobox" });
  box.append(input, list);
  select.after(box, note);
  select.hidden = true;
  label.htmlFor = input.id;
  label.id = `${select.id}-label`;
  list.setAttribute("aria-labelledby", label.id);
  return { input, list, note };
}

// For whoever has changed the select: its combobox, if it has one, is to show what is chosen now.
const showChosenIn = (select) => comboboxes.get(select)?.();

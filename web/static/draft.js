// Remembers what is typed into the form of a new order until it is placed: an ended session, or a reload, takes nothing
// away. It is kept in this tab alone, and gone with it.
// It is kept for who has typed it: data-drafts says whose drafts may be here, and whatever else there is, is forgotten
// by the form and by the login page. After signing out these are nobody's, also where Clear-Site-Data is not heard.
const DRAFT = "quatrain-new-order ";
const SENT = "quatrain-sent";
const form = document.querySelector("form[data-draft]");
const note = document.querySelector("[data-draft-note]");
const whose = document.querySelector("[data-drafts]")?.dataset.drafts;
const KEPT = DRAFT + whose;

// [name, value] of each field that one can see, as a form is sent. What is hidden belongs to this form alone: with an old
// form_key an order would pass for the one before.
const hidden = () => [...form.querySelectorAll("input[type=hidden]")].map((field) => field.name);
const typed = () => [...new FormData(form)].filter(([name]) => !hidden().includes(name));

function forgetOthers() {
  Object.keys(sessionStorage).filter((key) => key.startsWith(DRAFT) && (key !== KEPT || !whose))
    .forEach((key) => sessionStorage.removeItem(key));
}

function restore(fields) {
  for (const field of form.elements) {
    const values = fields.filter(([name]) => name === field.name).map(([, value]) => value);
    if (field.type === "checkbox") field.checked = values.includes(field.value);
    else if (values.length === 1 && field.type !== "hidden") field.value = values[0];
  }
}

function remember() {
  note.hidden = true;
  if (whose) sessionStorage.setItem(KEPT, JSON.stringify(typed()));
}

function open() {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(SENT);
  const empty = JSON.stringify(typed());
  // A form that came back from the server holds what was typed already.
  if (kept && !("typed" in form.dataset)) {
    restore(JSON.parse(kept));
    note.hidden = JSON.stringify(typed()) === empty;
  }
  form.addEventListener("input", remember);
  form.addEventListener("submit", () => { remember(); sessionStorage.setItem(SENT, KEPT); });
  form.addEventListener("reset", () => {
    sessionStorage.removeItem(KEPT);
    note.hidden = true;
    form.querySelector("input:not([type=hidden])").focus();
  });
}

try {
  if (whose !== undefined) forgetOthers();
  if (form) {
    open();
  } else if (sessionStorage.getItem(SENT) && new URL(document.referrer).pathname.endsWith("/orders/new")) {
    // The page of an order that follows the form: it was placed.
    sessionStorage.removeItem(sessionStorage.getItem(SENT));
    sessionStorage.removeItem(SENT);
  }
} catch {
  // A browser that keeps nothing for us: the form works all the same.
}

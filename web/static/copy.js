// Buttons that copy: the text of the element that [data-copy-from] names, or what stands in [data-copy].
// Milliseconds for which a button says what came of it.
const SAID_FOR = 2000;
document.documentElement.classList.add("can-copy");

// Where the page is not served over HTTPS, browsers have no clipboard for scripts but this one.
function copyMarked(text) {
  const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyMarked(text);
  }
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy], [data-copy-from]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copyFrom);
  const done = await copy(source ? source.innerText : button.dataset.copy);
  const { copied, notCopied } = button.dataset;
  button.focus();
  if (!done && source) getSelection().selectAllChildren(source);
  // Emptied first: the same words twice would be read out once.
  const news = document.getElementById("live-news");
  news.textContent = "";
  setTimeout(() => { news.textContent = done ? copied : notCopied; }, 50);
  const words = (button.dataset.words ??= button.textContent);
  button.textContent = done ? copied : notCopied;
  setTimeout(() => { button.textContent = words; }, SAID_FOR);
});

// Keeps [data-live] elements up to date: fetches their address, and replaces those parts that have changed. Those that
// are [data-idle] change seldom and through somebody else: they are looked at now and then, and when the page is.
// A part in which somebody is typing or marks words, whose form was filled in, or that plays something is left alone
// until later. A tab that nobody sees asks for nothing.
"use strict";

// Milliseconds; data-live-pause is an element's own. A check of a section has ended in a fraction of a second, if its
// provider answers; a song takes minutes.
const FIRST_PAUSES = [150, 150, 300, 600, 1000];
const PAUSE = 1500;
const IDLE_PAUSE = 5000;
const shown = new Map();

const partsOf = (root) => [...root.querySelectorAll("[data-part]")];
// The token and the key of a form are new each time and mean the same, and so do the words of a time, "3 minutes ago".
const signature = (part) => part.outerHTML
  .replace(/<input[^>]*name="(csrf_token|form_key)"[^>]*>/g, "").replace(/(<time[^>]*>)[^<]*/g, "$1");
const remember = (root) => partsOf(root).forEach((part) => shown.set(part.id, signature(part)));

// For the scripts that add something to a part.
const announce = (fresh) => fresh.dispatchEvent(new Event("fresh", { bubbles: true }));

function isBusy(part) {
  const form = part.matches("form") ? part : null;
  const typing = form && form.contains(document.activeElement) && document.activeElement.tagName !== "BUTTON";
  const playing = [...part.querySelectorAll("audio, video")].some((media) => !media.paused);
  const confirming = part.querySelector("details[open]");
  const marked = getSelection();
  const copying = !marked.isCollapsed && marked.containsNode(part, true);
  // Whoever is on something that cannot be found again would be thrown back to the top of the page.
  const nameless = part.contains(document.activeElement) && !document.activeElement.id;
  return part.hasAttribute("data-dirty") || typing || playing || confirming || copying || nameless;
}

function replacePart(old, fresh) {
  shown.set(fresh.id, signature(fresh));
  if (fresh.dataset.say && fresh.dataset.say !== old.dataset.say) {
    document.getElementById("live-news").textContent = fresh.dataset.say;
    old.parentElement.querySelector("[data-until-news]")?.remove();
  }
  replaceElement(old, fresh);
}

function replaceElement(old, fresh) {
  const focused = old.contains(document.activeElement) && document.activeElement.id;
  old.replaceWith(fresh);
  announce(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// Where nothing else has changed, the words of the times are.
function tellTimes(old, fresh) {
  const times = fresh.querySelectorAll("time");
  old.querySelectorAll("time").forEach((time, at) => {
    if (times[at] && time.textContent !== times[at].textContent) time.textContent = times[at].textContent;
  });
}

// Returns what to watch from now on. Where a part was left as it was, it is watched as before.
function update(root, fresh) {
  let leftAlone = false;
  const ids = (element) => partsOf(element).map((part) => part.id).join();
  if (ids(root) !== ids(fresh) && !partsOf(root).some(isBusy)) {
    remember(fresh);
    replaceElement(root, fresh);
    return fresh;
  }
  for (const part of partsOf(fresh)) {
    const old = document.getElementById(part.id);
    if (!old) continue;
    if (shown.get(part.id) === signature(part)) tellTimes(old, part);
    else if (isBusy(old)) leftAlone = true;
    else replacePart(old, part);
  }
  if (leftAlone && !fresh.dataset.live) return root;
  for (const name of ["live", "livePause", "idle"]) {
    if (name in fresh.dataset) root.dataset[name] = fresh.dataset[name];
    else delete root.dataset[name];
  }
  return root;
}

function pauseBefore(root, turn) {
  if (!root.dataset.live) return IDLE_PAUSE;
  return Number(root.dataset.livePause) || (FIRST_PAUSES[turn] ?? PAUSE);
}

// Resolves after that many milliseconds, or at once when the tab comes into sight; never while nobody sees it.
function pauseFor(milliseconds) {
  return new Promise((resolve) => {
    const timer = document.hidden ? null : setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
      resolve();
    }
    function look() {
      if (document.hidden) clearTimeout(timer);
      else end();
    }
    document.addEventListener("visibilitychange", look);
  });
}

async function ask(root) {
  try {
    const address = root.dataset.live ?? root.dataset.idle;
    const answer = await fetch(address, { credentials: "same-origin", cache: "no-store" });
    // The session is over. What somebody has typed or listens to is not taken from them.
    if (answer.redirected && !partsOf(document).some(isBusy)) location.reload();
    if (!answer.ok || answer.redirected) return root;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(root.id);
    return fresh && update(root, fresh);
  } catch {
    // Offline for a moment, or the server restarts: ask again.
    return root;
  }
}

async function watch(root) {
  for (let turn = 0; root?.dataset.live || root?.dataset.idle; turn += 1) {
    const wasIdle = !root.dataset.live;
    await pauseFor(pauseBefore(root, turn));
    root = await ask(root);
    if (wasIdle) turn = -1;
  }
}

document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-search]")) target.closest("form[data-part]")?.setAttribute("data-dirty", "");
});

for (const root of document.querySelectorAll("[data-live], [data-idle]")) {
  remember(root);
  watch(root);
}

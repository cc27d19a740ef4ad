"use strict";
// Keeps the page that --serve shows up to date.
const partsOf = (page) => [...page.querySelectorAll("[data-part]")];
const namesOf = (page) => partsOf(page).map((part) => part.id).join();
const before = new Map();

// A part that has the focus or a selection is not replaced while the user works with it.
function isInUse(part) {
  const selection = getSelection();
  const isSelected = selection && !selection.isCollapsed && selection.containsNode(part, true);
  return isSelected || part.contains(document.activeElement);
}

function swap(part, fresh) {
  const source = fresh.innerHTML;
  if (before.get(part.id) === source || isInUse(part)) return;
  before.set(part.id, source);
  part.className = fresh.className;
  const open = [...part.querySelectorAll("details")].map((each) => each.open);
  const chosen = [...part.querySelectorAll("select")].map((each) => each.value);
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll("details").forEach((each, at) => { each.open = open[at] ?? each.open; });
  enliven(part);
  part.querySelectorAll("select").forEach((select, at) => {
    if (![...select.options].some((each) => each.value === chosen[at])) return;
    select.value = chosen[at];
    select.dispatchEvent(new Event("change"));
  });
}

function show(page) {
  const { scrollX, scrollY } = window;
  if (namesOf(page) === namesOf(document)) {
    for (const part of partsOf(document)) swap(part, page.getElementById(part.id));
    for (const arrange of arrangements) arrange();
  } else { // the page has other sections now, for example after the first call
    arrangements.length = 0;
    before.clear();
    document.getElementById("main").replaceWith(page.getElementById("main"));
    setUp(document.getElementById("main"));
  }
  scrollTo(scrollX, scrollY);
}

let trouble = "";

async function refresh() {
  try {
    const answer = await fetch(location.pathname, { cache: "no-store", credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    trouble = answer.ok ? "" : page.querySelector(".lead")?.textContent ?? `The answer was ${answer.status}.`;
    if (answer.ok) show(page);
  } catch {
    trouble = "Nothing answers any more; this is how things stood.";
  }
  const shown = document.getElementById("trouble");
  if (shown.textContent !== trouble) shown.textContent = trouble;
}

async function keepFresh(seconds) {
  for (;;) {
    await new Promise((wake) => { setTimeout(wake, seconds * 1000); });
    if (!document.hidden) await refresh();
  }
}

document.addEventListener("DOMContentLoaded", () => keepFresh(Number(root.dataset.every)));

"use strict";
// Sorting, filtering, copying and the choice of light or dark: what the page does beyond being read.
const root = document.documentElement;
const wished = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : wished.matches);
try { root.dataset.theme = localStorage.getItem("hub-v1-theme") ?? ""; } catch { /* not kept */ }

const say = (text) => {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 4000);
};

function setUpTheme() {
  const button = document.getElementById("theme");
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("hub-v1-theme", root.dataset.theme); } catch { /* not kept */ }
    show();
  });
  wished.addEventListener("change", show);
  show();
}

// What was chosen in a table or list outlives its rows: each of these is called again when there
// are new ones.
const arrangements = [];

// Shows the rows that have all words of the search, and what `fits` says where it is given.
function filterFor(things, rowsOf) {
  const tools = things.closest("section").querySelector(".tools");
  const [search, select, output] = ["input", "select", "output"].map((each) => tools.querySelector(each));
  const filter = (fits = () => true) => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = rowsOf();
    let shown = 0;
    for (const row of rows) {
      const text = words.length ? row.textContent.toLowerCase() : "";
      row.hidden = !(words.every((word) => text.includes(word)) && fits(row, select?.value));
      shown += !row.hidden;
    }
    const [part, all] = [shown, rows.length].map((count) => count.toLocaleString("en"));
    const name = rows.length === 1 ? things.dataset.things.slice(0, -1) : things.dataset.things;
    const said = `${part === all ? all : `${part} of ${all}`} ${name}`;
    if (output.textContent !== said) output.textContent = said;
  };
  return { filter, search, select };
}

function setUpList(list) {
  const { filter, search } = filterFor(list, () => [...list.children]);
  search.addEventListener("input", () => filter());
  arrangements.push(filter);
}

const inOrder = new Intl.Collator("en", { numeric: true }).compare;

function setUpTable(table) {
  const [body] = table.tBodies;
  const { filter, search, select } = filterFor(table, () => [...body.rows]);
  const heads = [...table.tHead.rows[0].cells];
  const standing = heads.findIndex((head) => head.dataset.order);
  const fits = (row, wanted) => !wanted || row.cells[standing].textContent.startsWith(wanted);
  let chosen = -1;
  let isFalling = false;

  const keyOf = (row) => {
    const text = row.cells[chosen].textContent;
    const order = heads[chosen].dataset.order;
    if (order) return order.split(",").findIndex((word) => text.startsWith(word));
    return heads[chosen].className === "n" ? Number(text.replaceAll(",", "")) : text;
  };
  const compare = ([a], [b]) => (typeof a === "number" ? a - b : inOrder(a, b));
  const sort = () => {
    const rows = [...body.rows].map((row) => [keyOf(row), row]).sort(compare);
    if (isFalling) rows.reverse();
    body.append(...rows.map(([, row]) => row));
  };
  const arrange = () => {
    if (chosen >= 0) sort();
    filter(fits);
  };
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      // Of figures and times the greatest are wanted first.
      isFalling = was ? was === "ascending" : Boolean(head.className);
      chosen = at;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isFalling ? "descending" : "ascending");
      arrange();
      say(`Sorted by ${button.textContent}, ${isFalling ? "descending" : "ascending"}`);
    });
  });
  search.addEventListener("input", () => filter(fits));
  select?.addEventListener("change", () => filter(fits));
  arrangements.push(arrange);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // no secure context, or not permitted
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

function addCopyButtons(part) {
  for (const code of part.querySelectorAll("code.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "do-copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      say(await copy(code.textContent) ? "Copied" : "This browser does not let the page copy");
      button.focus();
    });
    code.closest(".box").append(button);
  }
}

// Whoever calls for another repository can have its name in the replacements.
function setUpChoices(part) {
  for (const label of part.querySelectorAll(".choose")) {
    label.hidden = false;
    const select = label.querySelector("select");
    select.addEventListener("change", () => {
      const names = select.value.split("/");
      ["namespace", "repository"].forEach((each, at) => {
        for (const shown of label.closest("article").querySelectorAll(`var.${each}`)) shown.textContent = names[at];
      });
    });
  }
}

function enliven(part) {
  setUpChoices(part);
  addCopyButtons(part);
}

function setUp(part) {
  for (const tools of part.querySelectorAll(".tools")) tools.hidden = false;
  for (const table of part.querySelectorAll("table[data-things]")) setUpTable(table);
  for (const list of part.querySelectorAll("div[data-things]")) setUpList(list);
  enliven(part);
}

// On paper every replacement is open.
function openForPaper(isOpen) {
  for (const each of document.querySelectorAll("article details")) {
    if (isOpen) each.dataset.was = `${each.open},${each.name}`;
    const [was, name] = each.dataset.was.split(",");
    each.name = isOpen ? "" : name;
    each.open = isOpen || was === "true";
  }
}

document.addEventListener("DOMContentLoaded", () => {
  setUpTheme();
  setUp(document);
  addEventListener("beforeprint", () => openForPaper(true));
  addEventListener("afterprint", () => openForPaper(false));
});

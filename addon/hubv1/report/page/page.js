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

// A table that sorts and filters. What was chosen outlives the rows: `arrange` is called again
// when there are new ones.
const tables = [];
const inOrder = new Intl.Collator("en", { numeric: true }).compare;

function setUpTable(table) {
  const tools = table.closest("section").querySelector(".tools");
  const [search, select] = [tools.querySelector("input"), tools.querySelector("select")];
  const heads = [...table.tHead.rows[0].cells];
  let chosen = -1;
  let isFalling = false;

  const keyOf = (row) => {
    const text = row.cells[chosen].textContent;
    const order = heads[chosen].dataset.order;
    if (order) return order.split(",").findIndex((word) => text.startsWith(word));
    return heads[chosen].className === "n" ? Number(text) : text;
  };
  const compare = ([a], [b]) => (typeof a === "number" ? a - b : inOrder(a, b));
  const sort = (body) => {
    const rows = [...body.rows].map((row) => [keyOf(row), row]).sort(compare);
    if (isFalling) rows.reverse();
    body.append(...rows.map(([, row]) => row));
  };
  const filter = (body) => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const at = heads.findIndex((head) => head.dataset.order);
    let shown = 0;
    for (const row of body.rows) {
      const text = words.length ? row.textContent.toLowerCase() : "";
      const fits = words.every((word) => text.includes(word))
        && (!select?.value || row.cells[at].textContent.startsWith(select.value));
      row.hidden = !fits;
      shown += fits;
    }
    const all = body.rows.length.toLocaleString("en");
    const count = shown === body.rows.length ? all : `${shown.toLocaleString("en")} of ${all}`;
    const text = `${count} ${table.dataset.things}`;
    const output = tools.querySelector("output");
    if (output.textContent !== text) output.textContent = text;
  };
  const arrange = () => {
    if (chosen >= 0) sort(table.tBodies[0]);
    filter(table.tBodies[0]);
  };
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      // Of figures and times the greatest are wanted first.
      const isGreatestFirst = head.className === "n" || Boolean(table.tBodies[0].rows[0]?.cells[at].querySelector("time"));
      isFalling = was ? was === "ascending" : isGreatestFirst;
      chosen = at;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isFalling ? "descending" : "ascending");
      arrange();
      say(`Sorted by ${button.textContent}, ${isFalling ? "descending" : "ascending"}`);
    });
  });
  search.addEventListener("input", arrange);
  select?.addEventListener("change", arrange);
  tables.push(arrange);
  arrange();
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
    (code.closest("pre") ?? code).after(button);
  }
}

function setUp(part) {
  for (const tools of part.querySelectorAll(".tools")) tools.hidden = false;
  for (const table of part.querySelectorAll("table[data-things]")) setUpTable(table);
  addCopyButtons(part);
}

document.addEventListener("DOMContentLoaded", () => {
  setUpTheme();
  setUp(document);
});

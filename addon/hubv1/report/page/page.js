"use strict";
// Sorting, filtering, copying, and the choice of light or dark.
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

// What the user chose for a table or list is applied again when its rows are replaced.
const arrangements = [];

const FOLD = 50; // a longer table shows only so many rows at first

// Shows the rows that contain all words of the search and for which `fits` is true, if given.
function filterFor(things, rowsOf) {
  const tools = things.closest("section").querySelector(".tools");
  const [search, select, output] = ["input", "select", "output"].map((each) => tools.querySelector(each));
  const rest = document.createElement("p");
  const more = document.createElement("button");
  let isWhole = false;
  rest.className = "rest";
  more.type = "button";
  (things.closest(".scroll") ?? things).after(rest);
  const filter = (fits = () => true) => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = rowsOf();
    let shown = 0;
    for (const row of rows) {
      const text = words.length ? row.textContent.toLowerCase() : "";
      const isFound = words.every((word) => text.includes(word)) && fits(row, select?.value);
      shown += isFound;
      row.hidden = !isFound || (shown > FOLD && !isWhole);
    }
    const [part, all] = [shown, rows.length].map((count) => count.toLocaleString("en"));
    const { things: several } = things.dataset;
    const name = rows.length === 1 ? several.slice(0, -1) : several;
    rest.hidden = isWhole || shown <= FOLD;
    more.textContent = `Show all ${part}`;
    rest.replaceChildren(`${(shown - FOLD).toLocaleString("en")} more ${several}. `, more);
    const said = `${part === all ? all : `${part} of ${all}`} ${name}`;
    if (output.textContent !== said) output.textContent = said;
  };
  // A link leads to a row that is hidden.
  things.addEventListener("reveal", () => {
    isWhole = true;
    search.value = "";
    if (select) select.value = "";
    for (const arrange of arrangements) arrange();
  });
  more.addEventListener("click", () => {
    isWhole = true;
    for (const arrange of arrangements) arrange();
    (rowsOf()[FOLD].querySelector("summary, a") ?? search).focus();
  });
  return { filter, search, select };
}

function setUpList(list) {
  const { filter, search } = filterFor(list, () => [...list.children]);
  search.addEventListener("input", () => filter());
  arrangements.push(() => filter());
  filter();
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
    const { textContent, dataset } = row.cells[chosen];
    const text = dataset.utc ?? textContent;
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
    head.dataset.name = head.textContent.trim();
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      // Figures and times are sorted in descending order first.
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
  filter(fits);
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

const longestLink = 1900; // characters that every browser and mail program takes

function mailLink(message) {
  const [subject, ...parts] = message.split("\n\n");
  const to = message.match(/^Write to (\S+@\S+)\.$/m)?.[1] ?? "";
  const start = `mailto:${encodeURIComponent(to)}?subject=${encodeURIComponent(subject.replace("Subject: ", ""))}&body=`;
  const fits = (text) => start.length + encodeURIComponent(text).length <= longestLink;
  let body = parts.join("\n\n");
  if (!fits(body)) {
    let characters = [...body];
    while (!fits(`${characters.join("")}\n…`)) characters = characters.slice(0, Math.floor(characters.length * 0.9));
    body = `${characters.join("")}\n…`;
  }
  return start + encodeURIComponent(body);
}

function addMailLinks(part) {
  for (const details of part.querySelectorAll("#messages details")) {
    details.addEventListener("toggle", () => {
      const link = document.createElement("a");
      link.href = mailLink(details.querySelector("code").textContent);
      link.textContent = "Write a mail";
      details.querySelector(".note").append(", ", link);
    }, { once: true });
  }
}

// The user can put the name of another repository into the replacements.
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

const two = (figure) => String(figure).padStart(2, "0");

// Shows a time in the zone of the reader, with UTC beside it.
function showLocal(cell) {
  const utc = cell.textContent.trim();
  if (!/^\d{4}(-\d\d){2} \d\d:\d\d$/.test(utc)) return;
  const at = new Date(`${utc.replace(" ", "T")}Z`);
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(two).join("-");
  const local = `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
  if (local === utc) return;
  const beside = document.createElement("i");
  beside.textContent = `(${utc.startsWith(day) ? utc.slice(11) : utc} UTC)`;
  cell.dataset.utc = utc;
  cell.replaceChildren(`${local} `, beside);
}

function showLocalTimes(part) {
  part.querySelectorAll("time").forEach(showLocal);
  for (const body of part.tagName === "TBODY" ? [part] : part.querySelectorAll("tbody")) {
    [...body.parentElement.tHead.rows[0].cells].forEach((head, at) => {
      if (head.className === "t") for (const row of body.rows) showLocal(row.cells[at]);
    });
  }
  const zone = document.getElementById("zone");
  if (zone && document.querySelector("[data-utc]")) {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    zone.textContent = `Times are those of ${timeZone}, with UTC beside them; days are those of UTC.`;
  }
}

// The target of a link may be folded, filtered out or closed.
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  if (target.hidden) target.parentElement.closest("[data-things]")?.dispatchEvent(new Event("reveal"));
  target.scrollIntoView();
}

function enliven(part) {
  showLocalTimes(part);
  setUpChoices(part);
  addCopyButtons(part);
  addMailLinks(part);
}

function setUp(part) {
  for (const tools of part.querySelectorAll(".tools")) tools.hidden = false;
  for (const table of part.querySelectorAll("table[data-things]")) setUpTable(table);
  for (const list of part.querySelectorAll("div[data-things]")) setUpList(list);
  enliven(part);
}

document.addEventListener("DOMContentLoaded", () => {
  setUpTheme();
  setUp(document);
  reveal();
  addEventListener("hashchange", reveal);
});

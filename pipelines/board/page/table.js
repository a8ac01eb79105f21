// The table of features: sorted, filtered, and changed in place.

import { greatest, line, sparkline } from "./charts.js";
import { STATES, budget, element, number, seconds, state } from "./text.js";

const burn = (view) => Math.max(0, ...view.budgets.map((each) => each.left === null ? each.burn_rate ?? 0 : 1e6 * (1 - each.left)));

// Each column: its title, what it sorts by, what it says, and whether the greatest comes first. Equals stay in the order
// of their views and plans.
const COLUMNS = [
  { title: "State", by: (row) => STATES.indexOf(row.view.state), text: (row) => state(row.view.state) },
  { title: "Feature", by: (row) => row.feature, text: (row) => row.feature },
  { title: "View", by: (row) => row.view.view, text: (row) => row.view.view },
  { title: "Fresh, p99", by: (row) => row.view.p99 ?? -1, text: (row) => seconds(row.view.p99), most: true },
  { title: "Last hour", by: (row) => greatest(row.view.spark), spark: true, most: true },
  { title: "Read age", by: (row) => row.view.read_age ?? -1, text: (row) => seconds(row.view.read_age), most: true },
  { title: "Events/s", by: (row) => row.view.rates.events, text: (row) => number(row.view.rates.events), most: true },
  { title: "Budget", by: (row) => burn(row.view), text: (row) => budget(row.view.budgets), most: true },
  { title: "Owner", by: (row) => row.view.owner, text: (row) => row.view.owner || "–" },
];

const rows = new Map();
let order = [];
let sort = { column: COLUMNS[0], reversed: false };
const at = (name) => document.getElementById(name);

export function startTable(show) {
  for (const column of COLUMNS) {
    column.head = element("th", { scope: "col" }, element("button", { type: "button", onclick: () => {
      sort = { column, reversed: sort.column === column && !sort.reversed };
      show();
    } }, column.title));
  }
  at("heads").append(...COLUMNS.map((column) => column.head));
  at("filter").addEventListener("input", show);
  document.querySelector("form[role=search]").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !(event.target instanceof HTMLInputElement) && !at("features").hidden) {
      event.preventDefault();
      at("filter").focus();
    } else if (event.key === "Escape" && event.target === at("filter")) {
      at("filter").value = "";
      at("filter").blur();
      show();
    }
  });
}

export function showTable(board) {
  const words = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const seen = new Set();
  let place = 0;
  const paths = new Map(board.views.map((view) => [view.view, line(view.spark, greatest(view.spark), 120, 22)]));
  for (const view of board.views) {
    for (const feature of view.features) {
      const key = `${view.view}/${feature}`;
      seen.add(key);
      const row = rows.get(key) ?? newRow(key, feature, view.view);
      Object.assign(row, { view, place: place++ });
      fill(row, paths.get(view.view));
      row.line.hidden = !words.every((word) => row.words.includes(word));
    }
  }
  for (const key of rows.keys()) if (!seen.has(key)) { rows.get(key).line.remove(); rows.delete(key); }
  arrange();
  const found = order.filter((row) => !row.line.hidden).length;
  at("found").textContent = words.length ? `${found} of ${order.length}` : "";
}

function newRow(key, feature, view) {
  const cells = COLUMNS.map((column) => {
    const cell = element("td", column.spark ? { className: "trend" } : {});
    if (column.spark) cell.append(sparkline());
    if (column.most && !column.spark) cell.dataset.label = column.title;
    return cell;
  });
  cells[1].className = "name";
  cells[2].append(element("a", { href: `#/view/${encodeURIComponent(view)}`, textContent: view }));
  const row = { feature, cells, line: element("tr", {}, ...cells), words: "" };
  rows.set(key, row);
  return row;
}

function fill(row, path) {
  const texts = COLUMNS.map((column) => column.text?.(row) ?? "");
  COLUMNS.forEach((column, place) => {
    const cell = row.cells[place];
    if (column.spark) {
      const spark = cell.firstChild;
      if (spark.firstChild.getAttribute("d") !== path) {
        spark.firstChild.setAttribute("d", path);
        spark.setAttribute("aria-label", `p99 over the last hour, at most ${seconds(greatest(row.view.spark))}`);
      }
    } else if (place !== 2 && cell.textContent !== texts[place]) {
      cell.textContent = texts[place];
    }
  });
  row.cells[0].className = `state ${row.view.state}`;
  row.words = texts.join(" ").toLowerCase();
}

function arrange() {
  const { column, reversed } = sort;
  for (const each of COLUMNS) each.head.removeAttribute("aria-sort");
  const descending = Boolean(column.most) !== reversed;
  column.head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const sign = descending ? -1 : 1;
  const keyed = [...rows.values()].map((row) => [column.by(row), row]);
  keyed.sort(([a, x], [b, y]) => (a < b ? -sign : a > b ? sign : x.place - y.place));
  const sorted = keyed.map(([, row]) => row);
  if (sorted.length !== order.length || sorted.some((row, place) => row !== order[place])) {
    // Moving a row takes the focus from what is in it.
    const focused = document.activeElement;
    at("rows").append(...sorted.map((row) => row.line));
    if (at("rows").contains(focused)) focused.focus({ preventScroll: true });
  }
  order = sorted;
}

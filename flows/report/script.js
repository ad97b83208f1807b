// Sorts, folds and filters the tables; without it everything is shown, in the order of the stream.
"use strict";
const every = (selector, root = document) => [...root.querySelectorAll(selector)];
const made = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

function number(cell) {
  const value = parseFloat((cell ? cell.textContent : "").replace(/,/g, "").replace("−", "-"));
  return Number.isNaN(value) ? -Infinity : value;
}

// The first row of a layer has its sums: a button there folds the operators below it.
function fold(body, closed) {
  every("tr.part", body).forEach((row) => { row.hidden = closed; });
  const button = body.querySelector("tr.group button");
  if (button) {
    button.textContent = closed ? "▸" : "▾";
    button.setAttribute("aria-expanded", String(!closed));
  }
}

every("table.layers").forEach((table) => {
  const bodies = every("tbody.layer", table);
  bodies.filter((body) => body.querySelector("tr.group")).forEach((body) => {
    const button = made("button", "▾");
    button.setAttribute("aria-label", "fold this layer");
    button.addEventListener("click", () => fold(body, button.getAttribute("aria-expanded") === "true"));
    body.querySelector("tr.group .name").prepend(button);
    fold(body, true);
  });
  const all = made("button", "open or close all layers");
  all.addEventListener("click", () => {
    const closed = bodies.some((body) => body.querySelector("tr.part:not([hidden])"));
    bodies.forEach((body) => fold(body, closed));
  });
  const filter = Object.assign(document.createElement("input"), { type: "search", placeholder: "filter: name, operator" });
  filter.setAttribute("aria-label", "filter the layers");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase();
    bodies.forEach((body) => { body.hidden = !body.textContent.toLowerCase().includes(words); });
  });
  const tools = made("div", "");
  tools.className = "tools";
  tools.append(filter, all);
  table.parentElement.before(tools);
});

// A click on a head sorts by that column, a second one the other way round; a layer stays together.
every("table.sorts").forEach((table) => every("thead th", table).forEach((head, column) => {
  const button = made("button", "");
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    every("thead th", table).forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const text = head.classList.contains("l");
    const units = every("tbody.layer", table).length ? every("tbody.layer", table) : every("tbody > tr:not(.sum)", table);
    const cell = (unit) => (unit.cells || unit.rows[0].cells)[column];
    const order = (a, b) => text ? cell(b).textContent.localeCompare(cell(a).textContent) : number(cell(b)) - number(cell(a));
    const end = table.querySelector("tbody.end") || units[0].parentElement.querySelector("tr.sum");
    units.sort((a, b) => down ? order(a, b) : order(b, a)).forEach((unit) => unit.parentElement.insertBefore(unit, end));
  });
}));

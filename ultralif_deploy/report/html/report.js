"use strict";
// Makes every table sortable by its columns; without this the tables stay as they are.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    header.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const down = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((other) => other.setAttribute("aria-sort", "none"));
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
      const numeric = header.classList.contains("figure");
      const order = (row) => {
        const cell = row.cells[column];
        return numeric ? cell.dataset.order : cell.textContent;
      };
      const compare = (a, b) => {
        const [left, right] = [order(a), order(b)];
        if (numeric && (left === "" || right === "")) return (left === "") - (right === "");
        const found = numeric ? left - right : left.localeCompare(right, "en", { numeric: true });
        return down ? -found : found;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}

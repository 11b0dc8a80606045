// Columns: how many there are, and the tabs that switch between them where not all have room.
const columns = document.getElementById("columns");
const tabs = document.querySelector("[data-tabs]");
const MAX = 4;

function arrange() {
  const found = [...columns.querySelectorAll(":scope > .pg-column")];
  columns.dataset.count = found.length;
  const running = document.querySelector("[data-playground]").hasAttribute("data-running");
  for (const button of document.querySelectorAll("[data-add-column], [data-column-change][hx-vals*=duplicate]")) button.disabled = running || found.length >= MAX;
  for (const button of document.querySelectorAll("[data-column-change][hx-vals*=remove]")) button.disabled = running || found.length < 2;
  tabs.hidden = found.length < 2;
  tabs.replaceChildren(
    ...found.map((column, place) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = column.querySelector(".pg-head").dataset.label || `Column ${place + 1}`;
      tab.className = "pg-tab";
      tab.addEventListener("click", () => column.scrollIntoView({ inline: "start", block: "nearest" }));
      column.tab = tab;
      return tab;
    }),
  );
  document.dispatchEvent(new CustomEvent("pg-arranged"));
  mark();
}

function mark() {
  tabs.toggleAttribute("data-needed", columns.scrollWidth > columns.clientWidth + 1);
  const middle = columns.scrollLeft + columns.clientWidth / 2;
  for (const column of columns.querySelectorAll(":scope > .pg-column")) {
    const left = column.offsetLeft - columns.offsetLeft; // both from the same ancestor
    const isCurrent = left <= middle && middle < left + column.offsetWidth;
    column.tab?.setAttribute("aria-current", String(isCurrent));
  }
}

if (columns && tabs) {
  arrange();
  let known = "";
  const look = () => {
    const now = [...columns.querySelectorAll(".pg-head")].map((head) => `${head.dataset.key}:${head.dataset.label}`).join();
    if (now === known) return;
    known = now;
    arrange();
    document.dispatchEvent(new CustomEvent("pg-estimate"));
  };
  new MutationObserver(look).observe(columns, { childList: true });
  document.addEventListener("htmx:after:swap", look);
  document.addEventListener("pg-columns", arrange);
  new ResizeObserver(mark).observe(columns);
  columns.addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });

  // A column that was just added is shown and ready to choose its model.
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      if (!node.classList?.contains("pg-column")) continue;
      node.scrollIntoView({ inline: "nearest", block: "nearest" });
      const picker = node.querySelector("[role=combobox]");
      if (picker && !picker.value) picker.focus();
    }
  }).observe(columns, { childList: true });
}

// The catalog's list: the tray that gathers models to compare (kept while one pages and searches), and the filters' sheet.
const kept = "atrium:compare";
const most = 5;

function chosen() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(kept) ?? "[]"));
  } catch {
    return new Map();
  }
}

function keep(models) {
  sessionStorage.setItem(kept, JSON.stringify([...models]));
}

function draw() {
  const form = document.querySelector("[data-compare]");
  if (!form) return;
  const models = chosen();
  for (const box of form.querySelectorAll("input[name=m]:not([data-kept])")) {
    box.checked = models.has(box.value);
    box.disabled = !box.checked && models.size >= most;
  }
  for (const old of form.querySelectorAll("[data-kept]")) old.remove();
  for (const slug of models.keys()) {
    if (form.querySelector(`input[name=m][value="${CSS.escape(slug)}"]`)) continue;
    const other = Object.assign(document.createElement("input"), { type: "hidden", name: "m", value: slug });
    other.dataset.kept = "";
    form.append(other);
  }
  const tray = form.querySelector("[data-tray]");
  const names = [...models.values()];
  tray.hidden = names.length === 0;
  tray.toggleAttribute("data-ready", names.length > 1);
  tray.querySelector("[data-tray-names]").textContent =
    names.length === 1 ? `${names[0]} — tick another to compare` : names.join(", ");
}

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-compare] input[name=m]")) return;
  const models = chosen();
  if (event.target.checked) models.set(event.target.value, event.target.dataset.name);
  else models.delete(event.target.value);
  keep(models);
  draw();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-tray-clear]")) return;
  event.preventDefault();
  keep(new Map());
  draw();
});

// On a wide window the filters stand open beside the list; on a phone they are a sheet that the reader opens.
const wide = matchMedia("(width >= 992px)");
let opened = false;
function sheet() {
  const filters = document.querySelector("[data-sheet]");
  if (filters) filters.open = wide.matches || opened;
}
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("[data-sheet]") && !wide.matches) opened = event.target.open;
}, true);
wide.addEventListener("change", sheet);

function settle() {
  draw();
  sheet();
}
document.addEventListener("htmx:after:swap", settle);
settle();

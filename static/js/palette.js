// The Ctrl-K palette: asks /palette/ while one types, arrows choose, Enter opens. Results are links made by the server.
const dialog = document.getElementById("palette");
const input = dialog?.querySelector("[data-palette-input]");
const list = document.getElementById("palette-list");
const status = dialog?.querySelector("[data-palette-status]");
let asked = null;
let pause = 0;

const items = () => [...list.querySelectorAll("[role=option]")];

function choose(index) {
  const options = items();
  options.forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
  const chosen = options[index];
  input.setAttribute("aria-activedescendant", chosen?.id || "");
  chosen?.scrollIntoView({ block: "nearest" });
}

async function ask() {
  asked?.abort();
  asked = new AbortController();
  const address = `${document.body.dataset.palette}?q=${encodeURIComponent(input.value)}`;
  try {
    const answer = await fetch(address, { signal: asked.signal, headers: { "X-Palette": "1", "HX-Request": "true" } });
    if (answer.status === 401) {
      dialog.close();
      document.dispatchEvent(new CustomEvent("session-over"));
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    list.innerHTML = await answer.text();
    choose(0);
    const count = items().length;
    status.textContent = count ? `${count} result${count > 1 ? "s" : ""}` : "Nothing found";
  } catch (error) {
    if (error.name !== "AbortError") status.textContent = "The search did not answer. Try again.";
  }
}

function open() {
  if (!dialog || dialog.open || !document.body.dataset.palette) return;
  dialog.showModal();
  input.setAttribute("aria-expanded", "true");
  input.value = "";
  ask();
  input.focus();
}

if (dialog) {
  dialog.addEventListener("close", () => input.setAttribute("aria-expanded", "false"));
  document.addEventListener("at:palette", open);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette-open]")) open();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close();
      else open();
    }
  });
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(ask, 80);
  });
  input.addEventListener("keydown", (event) => {
    const options = items();
    const now = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") choose((now + 1) % options.length);
    else if (event.key === "ArrowUp") choose((now - 1 + options.length) % options.length);
    else if (event.key === "Home" && options.length) choose(0);
    else if (event.key === "End" && options.length) choose(options.length - 1);
    else if (event.key === "Enter" && options[now]) {
      if (event.ctrlKey || event.metaKey) window.open(options[now].href, "_blank");
      else options[now].click();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("pointermove", (event) => {
    const index = items().indexOf(event.target.closest("[role=option]"));
    if (index >= 0) choose(index);
  });
}

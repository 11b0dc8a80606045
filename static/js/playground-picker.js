// The model picker: an editable combobox with a listbox (WAI-ARIA 1.2); the server finds, the arrows choose.
const root = document.querySelector("[data-playground]");
let wanted = 0;

const parts = (input) => ({ picker: input.closest("[data-picker]"), list: document.getElementById(input.getAttribute("aria-controls")) });
const options = (list) => [...list.querySelectorAll("[role=option][data-value]")];

function close(input) {
  const { picker, list } = parts(input);
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
  input.value = chosen(picker).value;
}
const chosen = (picker) => picker.closest(".pg-head").querySelector("[data-route]");

async function find(input, text) {
  const { picker, list } = parts(input);
  const mine = ++wanted;
  const query = new URLSearchParams({ q: text, key: picker.dataset.picker, current: chosen(picker).value, environment: document.getElementById("environment").value });
  const reply = await fetch(`${root.dataset.models}?${query}`, { headers: { "X-Requested-With": "XMLHttpRequest" } }).catch(() => null);
  if (reply?.status === 401) return document.dispatchEvent(new CustomEvent("session-over"));
  if (mine !== wanted || document.activeElement !== input) return;
  list.innerHTML = reply?.ok ? await reply.text() : '<li class="pg-option-none" role="option" aria-disabled="true" aria-selected="false">The server did not answer. Try again.</li>';
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
  const now = options(list);
  activate(input, now.find((option) => option.getAttribute("aria-selected") === "true") || now[0]);
}

function activate(input, option) {
  const { list } = parts(input);
  list.querySelector(".pg-option-active")?.classList.remove("pg-option-active");
  if (!option) return input.removeAttribute("aria-activedescendant");
  option.classList.add("pg-option-active");
  option.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", option.id);
}

function choose(input, option) {
  const { picker } = parts(input);
  const field = chosen(picker);
  const changed = field.value !== option.dataset.value;
  field.value = option.dataset.value;
  close(input);
  if (changed) picker.querySelector("[data-chosen]").click();
}

let pause = 0;
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("[data-picker] input")) event.target.select();
});
document.addEventListener("click", (event) => {
  const input = event.target.closest?.("[data-picker] input");
  if (input && input.getAttribute("aria-expanded") !== "true" && !input.disabled) find(input, "");
});
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-picker] input")) return;
  clearTimeout(pause);
  pause = setTimeout(() => find(event.target, event.target.value.trim()), 90);
});
document.addEventListener("keydown", (event) => {
  const input = event.target;
  if (!input.matches?.("[data-picker] input") || event.isComposing) return;
  const { list } = parts(input);
  const open = input.getAttribute("aria-expanded") === "true";
  const found = options(list);
  const now = found.findIndex((option) => option.id === input.getAttribute("aria-activedescendant"));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!open) return find(input, "");
    const step = event.key === "ArrowDown" ? 1 : -1;
    activate(input, found[(now + step + found.length) % found.length]);
  } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    if (open && found[now]) choose(input, found[now]);
  } else if (event.key === "Escape" && open) {
    event.preventDefault();
    close(input);
  }
});
document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest?.(".pg-options [data-value]");
  if (!option) return;
  event.preventDefault(); // the field keeps the focus
  choose(option.closest("[data-picker]").querySelector("input"), option);
});
document.addEventListener("focusout", (event) => {
  if (event.target.matches?.("[data-picker] input")) {
    wanted++;
    close(event.target);
  }
});

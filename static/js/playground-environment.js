// Where the playground acts: its own switch, the one of the shell and the offer of a refused column are one and the same.
const root = document.querySelector("[data-playground]");

// Work in `path` from now on; false where this session cannot (it belongs to another tenant).
function workIn(path) {
  const select = document.getElementById("environment");
  if (!select || select.disabled || ![...select.options].some((option) => option.value === path)) return false;
  if (select.value !== path) {
    select.value = path;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  }
  return true;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-work-in]");
  if (button) workIn(button.dataset.workIn);
});

// The switcher of the shell: the session moves along where it can, else a new one begins there.
document.addEventListener("submit", (event) => {
  if (!root?.dataset.new || event.submitter?.name !== "path" || !event.target.closest("#switcher")) return;
  if (workIn(event.submitter.value)) {
    event.preventDefault();
    document.getElementById("switcher").close();
  } else {
    event.target.querySelector("[name=next]").value = root.dataset.new;
  }
});

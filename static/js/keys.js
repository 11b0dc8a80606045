// The keyboard: / searches, ? lists shortcuts, g and a letter jump, j and k walk the rows of a list, Ctrl-Enter sends.
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable=true]");
let jumping = 0;

function walk(step) {
  const rows = [...document.querySelectorAll("tr[data-href], [data-row]")];
  if (!rows.length) return false;
  const now = rows.findIndex((row) => row.hasAttribute("data-selected"));
  const next = Math.min(rows.length - 1, Math.max(0, now + step));
  rows[now]?.removeAttribute("data-selected");
  rows[next].setAttribute("data-selected", "");
  rows[next].querySelector("a, button")?.focus();
  rows[next].scrollIntoView({ block: "nearest" });
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    const form = event.target.closest?.("textarea, input")?.form;
    if (form && !event.defaultPrevented) {
      event.preventDefault();
      form.requestSubmit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (jumping && Date.now() - jumping < 1200) {
    const place = document.querySelector(`[data-jump="${CSS.escape(event.key)}"]`);
    jumping = 0;
    if (place) location.assign(place.href);
    return;
  }
  if (event.key === "g") jumping = Date.now();
  else if (event.key === "/") {
    event.preventDefault();
    const field = document.querySelector("main [type=search], main [data-search]");
    if (field) field.focus();
    else document.dispatchEvent(new CustomEvent("at:palette"));
  } else if (event.key === "?") document.getElementById("shortcuts")?.showModal();
  else if (event.key === "j" || event.key === "k") {
    if (walk(event.key === "j" ? 1 : -1)) event.preventDefault();
  }
});

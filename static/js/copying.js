// Copy identifiers and code; says so in place and to screen readers.
async function copy(text, button) {
  await navigator.clipboard.writeText(text);
  button.dataset.copied = "";
  const status = Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: "Copied" });
  status.setAttribute("role", "status");
  button.append(status);
  const use = button.querySelector("use");
  const before = use?.getAttribute("href");
  use?.setAttribute("href", before.replace(/#.*/, "#check"));
  setTimeout(() => {
    delete button.dataset.copied;
    status.remove();
    use?.setAttribute("href", before);
  }, 1500);
}
document.addEventListener("click", (event) => {
  const id = event.target.closest("[data-copy]");
  if (id) copy(id.dataset.copy, id);
  const code = event.target.closest("[data-copy-code]");
  if (code) copy(code.closest("[data-code]").querySelector("code").textContent, code);
});

// The settings of a column: what was set is checked and kept at once, and a drawer does not close on what is not acceptable.
const keep = document.getElementById("keep");
let checked = Promise.resolve(); // until the server has answered to the last change

function check() {
  return new Promise((done) => {
    keep.addEventListener("htmx:finally:request", () => requestAnimationFrame(done), { once: true });
    keep.click();
  });
}

export const wrongSetting = (root) => [...root.querySelectorAll("[id^=error-]")].find((error) => error.textContent.trim());

export function showWrong(error) {
  const dialog = error.closest("dialog");
  if (!dialog.open) dialog.showModal();
  error.closest(".at-field").querySelector("input, textarea").focus();
}

async function closeWhenRight(dialog) {
  document.activeElement?.blur(); // what is being typed counts as changed
  await checked;
  const wrong = wrongSetting(dialog);
  if (wrong) showWrong(wrong);
  else dialog.close();
}

if (keep) {
  document.addEventListener("change", (event) => {
    // One after the other: a press while an answer is awaited would be dropped, and its values never checked.
    if (event.target.closest?.("[data-settings]")) checked = checked.then(check);
  });
  // Before the shell's own listener, which would close at once.
  document.addEventListener("click", (event) => {
    const dialog = event.target.closest?.("dialog[data-settings]");
    if (!dialog || !(event.target === dialog || event.target.closest("[data-close]"))) return;
    event.stopPropagation();
    closeWhenRight(dialog);
  }, { capture: true });
  document.addEventListener("cancel", (event) => {
    if (!event.target.matches?.("dialog[data-settings]")) return;
    event.preventDefault();
    closeWhenRight(event.target);
  }, { capture: true });
  // A browser may close by the second Esc whatever a page says.
  document.addEventListener("close", (event) => {
    const wrong = event.target.matches?.("dialog[data-settings]") && wrongSetting(event.target);
    if (wrong) showWrong(wrong);
  }, { capture: true });
}

// Native dialogs: a button with data-dialog="#id" opens, data-close inside closes, a press on the backdrop closes.
// data-must-equal on a field keeps the dialog's submit button shut until the name was typed.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.querySelector(opener.dataset.dialog);
    if (dialog && !dialog.open) {
      dialog.showModal();
      syncNames(dialog);
      // Where there is something to type, one has come to type it; without, the browser's choice is right.
      const field = dialog.querySelector("input:not([type=hidden], [type=checkbox], [type=radio], [disabled]), textarea");
      field?.focus();
      field?.select();
    }
  }
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog")?.close();
  if (event.target instanceof HTMLDialogElement && event.target.id !== "session-over") event.target.close();
});

function syncNames(root) {
  for (const field of root.querySelectorAll("[data-must-equal]")) {
    const button = field.form?.querySelector("[type=submit]");
    if (button) button.disabled = field.value !== field.dataset.mustEqual;
  }
}
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-must-equal]")) syncNames(event.target.form);
});

// A form that came back with errors: the summary is read and its links lead to the fields.
function focusErrors(root) {
  root.querySelector?.("[data-focus]")?.focus();
}
focusErrors(document);
document.addEventListener("htmx:after:swap", (event) => focusErrors(event.target));

// The form of a key tells when it is for production and asks for a date only where one is wanted. A secret that was shown
// leaves no trace: reloading asks for the list, and the page is not kept for "back".
const form = document.querySelector("[data-key-form]");
if (form) {
  const environment = form.querySelector("[name=environment]");
  const production = form.querySelector("[data-production]");
  const expiry = form.querySelector("[name=expiry]");
  const date = form.querySelector("[data-expiry-date]");
  const sync = () => {
    production.hidden = !environment.selectedOptions[0]?.text.endsWith("Production");
    date.hidden = expiry.value !== "date";
  };
  form.addEventListener("change", sync);
  sync();
}

const shown = document.querySelector("[data-shown-once]");
if (shown) history.replaceState(null, "", shown.dataset.shownOnce);

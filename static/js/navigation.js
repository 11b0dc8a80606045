// The navigation on a phone, rows that open as a whole, the theme, the notice when the connection is gone.
const nav = document.getElementById("navigation");
const veil = document.querySelector(".at-nav-veil");
const opener = document.querySelector("[data-nav-open]");

function setOpen(open) {
  nav.toggleAttribute("data-open", open);
  veil.hidden = !open;
  opener.setAttribute("aria-expanded", String(open));
  document.querySelector(".at-body").inert = open;
  if (open) nav.querySelector("[data-nav-close]").focus();
  else opener.focus();
}
if (nav && opener) {
  opener.addEventListener("click", () => setOpen(true));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-nav-close]")) setOpen(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && nav.hasAttribute("data-open")) setOpen(false);
  });
}

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-href]");
  if (!row || event.defaultPrevented || event.target.closest("a, button, input, select, label, summary")) return;
  if (getSelection()?.toString()) return;
  if (event.metaKey || event.ctrlKey) open(row.dataset.href, "_blank");
  else location.assign(row.dataset.href);
});

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-set]");
  if (!choice) return;
  event.preventDefault();
  document.dispatchEvent(new CustomEvent("at:theme", { detail: choice.dataset.themeSet }));
  for (const other of document.querySelectorAll("[data-theme-set]")) {
    other.setAttribute("aria-pressed", String(other === choice));
  }
  const form = choice.closest("form");
  if (form) fetch(form.action, { method: "POST", body: new FormData(form) });
});

const offline = document.querySelector("[data-offline]");
if (offline) {
  const tell = () => (offline.hidden = navigator.onLine);
  addEventListener("online", tell);
  addEventListener("offline", tell);
  tell();
}

// On a phone the bar of tabs is wider than the page: the one that is shown must not begin out of sight.
document.querySelector(".at-tab[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// A page that acts in another environment than before says so in the whole frame.
document.addEventListener("at:where", (event) => {
  for (const part of document.querySelectorAll("[data-where]")) {
    part.classList.remove("at-env-development", "at-env-test", "at-env-production");
    part.classList.add(`at-env-${event.detail.kind}`);
  }
});

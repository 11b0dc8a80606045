// A form that the browser sends by itself (htmx sends the others): one press sends it once, and not into an ended session
// or a database that is away, where what was typed would be lost on the page that says so.
import { toast } from "./toasts.js";

const checked = new WeakSet();
const LET_GO_MS = 8000; // an answer that is a download leaves the page where it is

function sending(form, button, now) {
  form.toggleAttribute("data-sending", now);
  if (now) button?.setAttribute("aria-busy", "true");
  else for (const busy of form.querySelectorAll("[type=submit][aria-busy]")) busy.removeAttribute("aria-busy");
}

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post") || (form.target && form.target !== "_self")) return;
  if (checked.delete(form)) return;
  if (form.hasAttribute("data-sending")) return event.preventDefault();
  sending(form, submitter, true);
  setTimeout(() => sending(form, submitter, false), LET_GO_MS);
  if (!document.body.dataset.session) return;
  event.preventDefault();
  const answer = await fetch(document.body.dataset.session, { headers: { "X-Requested-With": "XMLHttpRequest" } }).catch(() => null);
  if (answer?.status === 401) {
    sending(form, submitter, false);
    document.dispatchEvent(new CustomEvent("session-over"));
    return;
  }
  if (answer?.status === 503) {
    sending(form, submitter, false);
    toast({ tone: "bad", title: (await answer.json().catch(() => ({}))).title || "Atrium cannot serve at the moment", text: "Nothing was sent, and nothing you typed is lost. Press the button again in a moment." });
    return;
  }
  checked.add(form);
  form.requestSubmit(submitter);
});

// Back to a page that the browser kept: it may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sending]")) sending(form, null, false);
});

// Results of actions in the corner: from the page itself, from HX-Trigger {"toast": {tone, text}}, from refusals answered
// to htmx as JSON, and from other modules by `at:toast`. Bad news stays until dismissed, the rest goes after 6 s.
const icons = { good: "circle-check", warn: "alert-triangle", bad: "alert-circle", info: "info-circle" };
const tones = { success: "good", warning: "warn", danger: "bad", error: "bad" };

function settle(toast) {
  if (toast.dataset.settled) return;
  toast.dataset.settled = "1";
  if (toast.dataset.toast !== "bad") {
    let timer = setTimeout(() => toast.remove(), 6000);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => (timer = setTimeout(() => toast.remove(), 3000)));
  }
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "at-icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.body.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

export function toast({ tone = "info", title = "", text = "", path = "" }) {
  tone = tones[tone] || tone;
  const said = JSON.stringify([title, text]);
  const standing = [...document.querySelectorAll("[data-toasts] [data-said]")].find((one) => one.dataset.said === said);
  if (standing) return; // several requests that fail for one reason say it once
  const box = document.createElement("div");
  box.dataset.said = said;
  box.className = `at-alert at-toast at-tone-${tone}`;
  box.dataset.toast = tone;
  const body = document.createElement("div");
  body.className = "at-alert-body";
  if (title) body.append(Object.assign(document.createElement("div"), { className: "at-alert-title", textContent: title }));
  body.append(Object.assign(document.createElement("div"), { textContent: text }));
  if (path?.startsWith("/")) {
    body.append(Object.assign(document.createElement("a"), { href: path, textContent: "Show what to do" }));
  }
  const close = Object.assign(document.createElement("button"), { type: "button", className: "btn-close" });
  close.dataset.dismissToast = "";
  close.setAttribute("aria-label", "Dismiss");
  box.append(icon(icons[tone] || icons.info), body, close);
  document.querySelector("[data-toasts]").append(box);
  settle(box);
}

document.querySelectorAll("[data-toast]").forEach(settle);
document.addEventListener("click", (event) => event.target.closest("[data-dismiss-toast]")?.closest("[data-toast]").remove());
for (const name of ["toast", "at:toast"]) document.addEventListener(name, (event) => toast(event.detail));

// A refusal answered to htmx: JSON with its sentence. It is told, and nothing on the page is replaced.
document.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.response.status < 400 || ctx.response.status === 401) return;
  if (ctx.response.headers.get("Content-Type")?.includes("json")) {
    ctx.swap = "none";
    try {
      const { level, title, text, path, detail } = JSON.parse(ctx.text);
      toast({ tone: level || "bad", title, text: text || detail || "", path });
    } catch {
      toast({ tone: "bad", text: `The server answered ${ctx.response.status}.` });
    }
  } else if (ctx.response.status >= 500) {
    ctx.swap = "none";
    toast({ tone: "bad", title: "Something went wrong on our side", text: "Nothing was lost. Try again in a moment." });
  }
});
document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx && !navigator.onLine) toast({ tone: "warn", text: "You are offline; this was not sent." });
});

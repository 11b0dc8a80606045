// The playground: one press runs every column; where a run stands, stopping it, and what happens when its stream breaks.
import { icon, toast } from "./toasts.js";
import "./playground-columns.js";
import "./playground-environment.js";
import "./playground-follow.js";
import "./playground-picker.js";
import { showWrong, wrongSetting } from "./playground-settings.js";
import { clearPrompt, refuseTooLong } from "./playground-prompt.js";

const root = document.querySelector("[data-playground]");
const form = document.getElementById("run");

if (root && form) {
  const runButton = form.querySelector("[data-run]");
  const stopButton = form.querySelector("[data-stop-all]");
  let running = false;
  let streamed = new Set(); // answers that this page's stream writes

  const setRunning = (now) => {
    running = now;
    const hadFocus = [runButton, stopButton].includes(document.activeElement);
    root.toggleAttribute("data-running", now);
    runButton.hidden = now;
    stopButton.hidden = !now;
    stopButton.removeAttribute("aria-busy");
    runButton.removeAttribute("aria-busy");
    for (const control of root.querySelectorAll("[data-column-change], .pg-again, [role=combobox], #environment")) control.disabled = now;
    // The button that had the focus is gone: it goes back to where one types.
    if (hadFocus) document.getElementById("prompt").focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("pg-columns"));
  };

  // One press makes one turn: the token in the form is renewed by the server with each accepted run.
  const isRun = (event) => event.target === form; // and not of what keeps the settings, which stands inside
  form.addEventListener("htmx:config:request", (event) => {
    if (!isRun(event)) return;
    const isPrompt = !event.detail.ctx.request.submitter?.name;
    if (running || runButton.hasAttribute("aria-busy") || (isPrompt && refuseTooLong())) {
      event.preventDefault();
      return;
    }
    document.getElementById("prompt-error").textContent = "";
    runButton.setAttribute("aria-busy", "true");
  });
  form.addEventListener("htmx:finally:request", (event) => {
    if (isRun(event) && !running) runButton.removeAttribute("aria-busy");
  });
  form.addEventListener("htmx:after:request", (event) => {
    if (!isRun(event)) return;
    const { ctx } = event.detail;
    const { status } = ctx.response;
    if (status === 422) requestAnimationFrame(focusError);
    if (status === 400 || status === 413) {
      ctx.swap = "none";
      document.getElementById("prompt-error").textContent = "This is more than the server takes in one piece. Shorten the prompt and run again; nothing was lost.";
      focusError();
    }
  });
  form.addEventListener("htmx:error", (event) => {
    if (!event.detail.ctx || running || !navigator.onLine) return;
    toast({ tone: "bad", title: "The server did not answer", text: "Nothing you typed is lost. Run it again in a moment." });
  });

  form.addEventListener("pg-begun", (event) => {
    const told = JSON.parse(event.detail.data);
    form.dataset.stop = told.stop;
    form.dataset.answer = told.answer;
    setRunning(true);
    streamed = new Set([...root.querySelectorAll(".pg-foot[data-running]")].map((foot) => foot.closest("[data-answer]").dataset.answer));
    if (told.isPrompt) clearPrompt(told.id);
    if (told.isNew) {
      history.replaceState({ htmx: true }, "", told.url);
      called(told.name);
      htmx.ajax("GET", told.toolbar, { target: "#toolbar", swap: "none" });
    }
    document.dispatchEvent(new CustomEvent("pg-sessions"));
    document.dispatchEvent(new CustomEvent("pg-turn"));
  });
  form.addEventListener("pg-ended", () => setRunning(false));

  // The stream is over, as it should be or not. An answer that is still open is asked for until it has ended.
  form.addEventListener("htmx:sse:close", () => {
    const wasRunning = running;
    setRunning(false);
    if (wasRunning) for (const id of streamed) askFor(id, 0);
    streamed = new Set();
  });

  async function askFor(id, tries) {
    const answer = document.getElementById(`answer-${id}`);
    const foot = answer?.querySelector(".pg-foot[data-running]");
    if (!foot) return;
    if (tries >= 20) return giveUp(foot);
    if (tries) foot.querySelector("[data-elapsed]").textContent = "Connection lost. Looking for the answer…";
    try {
      const reply = await fetch(form.dataset.answer.replace("{id}", id), { headers: { "X-Requested-With": "XMLHttpRequest" } });
      if (reply.status === 401) document.dispatchEvent(new CustomEvent("session-over"));
      else if (reply.ok) {
        const box = document.createElement("template");
        box.innerHTML = await reply.text();
        const found = box.content.querySelector("[data-answer]");
        if (found && !found.querySelector(".pg-foot[data-running]")) {
          answer.replaceWith(found);
          htmx.process(found);
          return;
        }
      }
    } catch {
      // the server is away; the next try may find it
    }
    setTimeout(() => askFor(id, tries + 1), Math.min(400 * (tries + 1), 2000));
  }

  function giveUp(foot) {
    foot.removeAttribute("data-running");
    const words = document.createElement("p");
    words.append(icon("plug-connected-x"), " The connection was lost. What had arrived is kept; reload the page to see how it ended.");
    words.className = "pg-trouble at-tone-warn";
    words.setAttribute("role", "alert");
    foot.replaceChildren(words);
  }

  const stopAll = () => {
    if (!running || !form.dataset.stop) return;
    stopButton.setAttribute("aria-busy", "true");
    htmx.ajax("POST", form.dataset.stop, { target: "#announce", swap: "none" });
  };
  stopButton.addEventListener("click", stopAll);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented || !running) return;
    if (document.querySelector("dialog[open], .dropdown-menu.show, [data-picker] [aria-expanded=true]")) return;
    stopAll();
  });
  function focusError() {
    const wrong = [...document.querySelectorAll("#prompt-error, [id^=column-error-]")].find((error) => error.textContent.trim());
    if (!wrong) return;
    if (wrong.id === "prompt-error") document.getElementById("prompt").focus();
    else {
      const column = wrong.closest(".pg-column");
      const setting = wrongSetting(column);
      if (setting) showWrong(setting);
      else column.querySelector("[role=combobox]")?.focus();
    }
  }

  // How long one has been waiting, from the third second on.
  setInterval(() => {
    for (const foot of root.querySelectorAll(".pg-foot[data-running]")) {
      foot.dataset.since ||= Date.now();
      const seconds = Math.round((Date.now() - foot.dataset.since) / 1000);
      const words = foot.querySelector("[data-elapsed]");
      if (seconds >= 3 && words && /^Answering/.test(words.textContent)) words.textContent = `Answering… ${seconds} s`;
    }
  }, 1000);
}

// What the session is called, on the tab and for those who hear the page.
function called(name) {
  document.title = `${name} · Atrium`;
  root.querySelector("h1").textContent = `Playground: ${name}`;
}
document.addEventListener("pg-renamed", (event) => called(event.detail.name));

// The list of sessions, the toolbar, a preference, copying an answer.
document.addEventListener("pg-sessions", () => {
  const search = document.getElementById("session-search");
  if (search) htmx.trigger(search, "refresh");
});
document.addEventListener("pg-toolbar", () => {
  document.querySelector("#rename[open]")?.close();
  htmx.ajax("GET", `${location.pathname}toolbar/`, { target: "#toolbar", swap: "none" });
});
document.addEventListener("pg-preferred", (event) => {
  const chosen = document.getElementById(`answer-${event.detail.answer}`);
  const slot = chosen?.closest(".pg-turn")?.dataset.position;
  for (const button of document.querySelectorAll(`.pg-turn[data-position="${slot}"] .pg-prefer`)) {
    button.setAttribute("aria-pressed", String(chosen.contains(button)));
  }
});
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy-answer]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(`text-${button.dataset.copyAnswer}`).innerText.trim());
  toast({ tone: "good", text: "Answer copied." });
});

// The list of sessions at the side: open or shut as one left it.
const side = document.getElementById("sessions");
if (side) {
  const key = "atrium-playground-sessions";
  const wide = matchMedia("(width >= 1100px)");
  const show = (open) => {
    root.toggleAttribute("data-sessions", open);
    for (const toggle of document.querySelectorAll("[data-sessions-toggle]")) toggle.setAttribute("aria-expanded", String(open));
  };
  // Columns come first: the list is open by itself only where they keep their room, and folds when more are added.
  const count = () => document.querySelectorAll(".pg-column").length;
  const fits = () => document.querySelector(".pg-work").offsetWidth - (root.hasAttribute("data-sessions") ? 0 : 232) >= count() * 300;
  const kept = localStorage.getItem(key);
  show(wide.matches && fits() && (kept === null ? innerWidth >= 1400 : kept === "open"));
  let known = count();
  document.addEventListener("pg-arranged", () => {
    const more = count() > known;
    known = count();
    if (more && wide.matches && root.hasAttribute("data-sessions") && !fits()) show(false);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-clear-search]")) {
      const search = document.getElementById("session-search");
      search.value = "";
      htmx.trigger(search, "refresh");
      search.focus();
    }
    if (!event.target.closest("[data-sessions-toggle]")) return;
    const open = !root.hasAttribute("data-sessions");
    show(open);
    if (wide.matches) localStorage.setItem(key, open ? "open" : "shut");
    if (open) document.getElementById("session-search").focus();
    else document.querySelector(".pg-sessions-toggle").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !wide.matches && root.hasAttribute("data-sessions")) show(false);
  });
}

// When the session ended during work: the answer is 401, nothing is swapped, and one signs in in place; work is kept.
const dialog = document.getElementById("session-over");
const channel = "BroadcastChannel" in window ? new BroadcastChannel("atrium-session") : null;

export const csrf = () => decodeURIComponent(document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] || "");

document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  if (ctx.request.method !== "GET") ctx.request.headers["X-CSRFToken"] = csrf();
});
document.addEventListener("htmx:after:request", (event) => {
  const { status } = event.detail.ctx.response;
  if (status === 403) renewForms(); // a token that was too old came back renewed
  if (status !== 401) return;
  event.detail.ctx.swap = "none";
  over();
});
document.addEventListener("session-over", over);

// Forms that lie open carry the token they were made with; a field counts before the header.
function renewForms() {
  for (const field of document.querySelectorAll("input[name=csrfmiddlewaretoken]")) field.value = csrf();
}

function over() {
  if (dialog && !dialog.open) dialog.showModal();
  else if (!dialog) location.reload();
}

function resume(user) {
  // Somebody else came in: nothing on this page is theirs.
  if (user !== document.body.dataset.user) return location.reload();
  renewForms(); // signing in renews the token
  dialog.close();
  document.dispatchEvent(
    new CustomEvent("at:toast", { detail: { tone: "good", text: "You are signed in again. Press the button once more to go on." } }),
  );
}

if (dialog) {
  const form = dialog.querySelector("form");
  const error = dialog.querySelector("[data-sign-in-error]");
  const say = (text) => {
    error.textContent = text;
    error.hidden = !text;
  };
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    say("");
    const sent = new FormData(form);
    const button = form.querySelector("[type=submit]");
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: sent,
        headers: { "X-Requested-With": "XMLHttpRequest", "X-CSRFToken": csrf(), Accept: "application/json" },
      });
      const told = await answer.json().catch(() => ({}));
      if (answer.ok && told.location && !/2fa|reauthenticate|confirm/.test(told.location)) {
        form.reset();
        resume(sent.get("login"));
      } else if (answer.ok && told.location) {
        say("A second step is needed: choose “Sign in another way”.");
      } else {
        say(told.form?.errors?.[0] || told.form?.fields?.password?.errors?.[0] || "That did not work. Try again.");
      }
    } catch {
      say("The server did not answer. Try again.");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  if (channel) {
    channel.addEventListener("message", (event) => {
      if (dialog.open) resume(event.data.user);
    });
  }
}

// The page that a second tab lands on after signing in tells the others and closes itself.
const told = document.querySelector("[data-signed-in-as]");
if (told && channel) {
  channel.postMessage({ user: told.dataset.signedInAs });
  setTimeout(() => window.close(), 600);
}

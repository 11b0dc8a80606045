// While Atrium cannot serve: ask now and then whether it is ready. A page that was only looked at opens by itself then;
// one that was sent is not sent again, its reader is told to go back.
const words = document.querySelector("[data-ready]");
const EVERY_MS = 2000;

async function look() {
  try {
    // Without the cookie no session is looked up, so the question is answered at once.
    const answer = await fetch(words.dataset.ready, { credentials: "omit", cache: "no-store" });
    if (answer.ok) {
      if ("open" in words.dataset) location.reload();
      else words.textContent = "Atrium is back. Go back: what you typed is still in the form.";
      return;
    }
  } catch {
    // not even the web server is there; the next look may find it
  }
  setTimeout(look, EVERY_MS);
}

if ("open" in words.dataset) words.textContent = "This page opens by itself as soon as Atrium is back.";
setTimeout(look, EVERY_MS);

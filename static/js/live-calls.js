// The live list of calls: rows come as server-sent events and replace or join those on the page. A page that is hidden
// or paused has no stream; one that is shown again begins with the newest rows.
const MOST_ROWS = 100;
const box = document.querySelector("[data-live-calls]");
const table = box.querySelector("table");
const body = box.querySelector("tbody");
const state = box.querySelector("[data-live-state]");
const button = box.querySelector("[data-live-pause]");
const cut = box.querySelector("[data-live-cut]");
const none = box.querySelector("[data-live-none]");
let isPaused = box.hasAttribute("data-paused");
let source = null;
let again = 0;

function say(words) {
  if (state.textContent !== words) state.textContent = words;
}

function place(row) {
  const there = document.getElementById(row.id);
  if (there) {
    there.replaceWith(row);
    return;
  }
  const later = [...body.rows].find((each) => each.dataset.started <= row.dataset.started);
  body.insertBefore(row, later ?? null);
}

function show(told, replacing) {
  const made = document.createElement("template");
  made.innerHTML = told.html;
  const rows = [...made.content.querySelectorAll("tr")];
  if (replacing) body.replaceChildren();
  for (const row of rows.reverse()) place(row);
  for (const id of told.gone) document.getElementById(`live-${id}`)?.remove();
  while (body.rows.length > MOST_ROWS) body.rows[body.rows.length - 1].remove();
  cut.hidden = !told.cut;
  none.hidden = body.rows.length > 0;
  table.hidden = body.rows.length === 0;
  document.dispatchEvent(new Event("at:rows"));
}

function close() {
  clearTimeout(again);
  source?.close();
  source = null;
}

function open() {
  close();
  source = new EventSource(box.dataset.liveCalls);
  source.addEventListener("open", () => say("Watching: calls appear as they start and end."));
  source.addEventListener("all", (event) => show(JSON.parse(event.data), true));
  source.addEventListener("more", (event) => show(JSON.parse(event.data), false));
  source.addEventListener("over", (event) => {
    close();
    say(`Ended. ${JSON.parse(event.data).why}`);
    body.replaceChildren();
    button.hidden = true;
  });
  source.addEventListener("error", () => {
    say("The connection is broken; trying again…");
    if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, 10000); // refused: it does not try by itself
  });
}

function follow() {
  button.lastChild.textContent = isPaused ? "Watch again" : "Pause";
  button.querySelector("use")?.setAttribute("href", button.querySelector("use").getAttribute("href").replace(/#.*/, isPaused ? "#player-play" : "#player-pause"));
  if (isPaused) {
    close();
    say("Paused. Nothing moves until you watch again.");
  } else {
    say("Connecting…");
    open();
  }
}

button.setAttribute("role", "button");
button.addEventListener("click", (event) => {
  event.preventDefault();
  isPaused = !isPaused;
  follow();
});
button.addEventListener("keydown", (event) => {
  if (event.key === " ") {
    event.preventDefault();
    button.click();
  }
});
document.addEventListener("visibilitychange", () => {
  if (isPaused || button.hidden) return;
  if (document.hidden) close();
  else follow();
});
table.hidden = body.rows.length === 0;
follow();

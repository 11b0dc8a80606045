// Reading is never disturbed: a column follows new text only while one is at its end; else "Latest" leads there.
const NEAR = 40;

function watch(box) {
  if (box.dataset.watched) return;
  box.dataset.watched = "1";
  const latest = box.parentElement.querySelector("[data-latest]");
  let follows = true;
  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
  // Only going up is leaving the end: text that grows or wraps anew moves the end away without anybody's doing.
  let last = box.scrollTop;
  const move = () => {
    box.scrollTop = box.scrollHeight;
    last = box.scrollTop; // who goes up before this move is told of has gone up from here
  };
  const toEnd = () => {
    follows = true;
    move();
    if (latest) latest.hidden = true;
  };
  box.addEventListener("scroll", () => {
    if (isAtEnd()) follows = true;
    else if (box.scrollTop < last - 1) follows = false;
    last = box.scrollTop;
    if (latest && follows) latest.hidden = true;
  }, { passive: true });
  const sizes = new ResizeObserver(() => {
    if (follows) move();
    else if (latest && !isAtEnd()) latest.hidden = false;
  });
  sizes.observe(box);
  sizes.observe(box.querySelector(".pg-turns"));
  latest?.addEventListener("click", () => {
    toEnd();
    box.focus({ preventScroll: true });
  });
  box.addEventListener("pg-to-end", toEnd);
  move();
}

const watchAll = () => document.querySelectorAll("[data-follow]").forEach(watch);
watchAll();
document.addEventListener("htmx:after:swap", watchAll);
// A new prompt is one's own doing: every column shows it.
document.addEventListener("pg-turn", () => {
  for (const box of document.querySelectorAll("[data-follow]")) box.dispatchEvent(new CustomEvent("pg-to-end"));
});

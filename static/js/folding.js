// What is open for who has the room is folded on a phone, so that the list itself is in sight; also where a window
// becomes as narrow, and on paper never.
const narrow = matchMedia("screen and (width < 720px)");
const fold = () => {
  for (const part of document.querySelectorAll("[data-fold-on-a-phone]")) part.open = !narrow.matches;
};
if (narrow.matches) fold();
narrow.addEventListener("change", fold);

// What is open for who has the room begins folded on a phone, so that the list itself is in sight.
if (matchMedia("(width < 720px)").matches) {
  for (const part of document.querySelectorAll("[data-fold-on-a-phone]")) part.open = false;
}

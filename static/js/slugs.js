// The short name is suggested from the name until it is typed by hand.
const name = document.querySelector("input[name=name]");
const slug = document.querySelector("input[name=slug]");

const suggest = (text) =>
  text
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");

if (name && slug) {
  let own = slug.value !== "" && slug.value !== suggest(name.value);
  slug.addEventListener("input", () => (own = slug.value !== ""));
  name.addEventListener("input", () => {
    if (!own) slug.value = suggest(name.value);
  });
}

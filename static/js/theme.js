// Sets the theme before the first paint: the person's choice, else what the system prefers. Loaded blocking on purpose.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const cookie = document.cookie.match(/(?:^|; )atrium_theme=(light|dark|system)/);
  const apply = () => {
    const choice = root.dataset.themeChoice || "system";
    root.dataset.bsTheme = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
  };
  if (cookie && (root.dataset.themeChoice || "system") === "system") root.dataset.themeChoice = cookie[1];
  root.classList.add("at-scripted");
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("at:theme", (event) => {
    root.dataset.themeChoice = event.detail;
    document.cookie = `atrium_theme=${event.detail}; path=/; max-age=31536000; samesite=lax`;
    apply();
  });
})();

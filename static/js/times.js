// Times in the viewer's own zone: exact on hover, relative ones kept fresh. The zone of the account wins over the browser's.
const zone = document.body.dataset.zone || undefined;
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: zone });
const withZone = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long", timeZone: zone });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: zone });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });

function words(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 45) return "just now";
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (distance >= size * 0.95) {
      const count = Math.max(1, Math.round(distance / size));
      if (unit === "day" && count >= 30) return day.format(moment);
      return relative.format(Math.sign(seconds) * count, unit);
    }
  }
  return relative.format(Math.sign(seconds), "minute");
}

function show(time) {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const style = time.dataset.time;
  time.title = withZone.format(moment);
  const text = style === "relative" ? words(moment) : style === "date" ? day.format(moment) : exact.format(moment);
  if (time.textContent !== text) time.textContent = text;
}
const all = (root) => root.querySelectorAll?.("time[data-time]").forEach(show);
all(document);
setInterval(() => all(document), 30000);
document.addEventListener("htmx:after:swap", () => all(document));
document.addEventListener("at:rows", () => all(document));

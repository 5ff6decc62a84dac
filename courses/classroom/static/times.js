// Adds the reader's own time to a course's times, where the two clocks differ.
(() => {
  const { words } = document.currentScript.dataset;
  const language = { en: "en-GB" }[document.documentElement.lang] ?? document.documentElement.lang;

  const written = (moment, timeZone) => new Intl.DateTimeFormat(language, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone
  }).format(moment);

  for (const place of document.querySelectorAll("time[data-zone]")) {
    const moment = new Date(place.dateTime);
    const own = written(moment, undefined);
    if (own === written(moment, place.dataset.zone)) { continue; }
    const added = document.createElement("span");
    added.className = "soft own-time";
    added.textContent = ` (${words.replace("{time}", own)})`;
    place.after(added);
  }
})();

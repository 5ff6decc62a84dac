// Times in words, in the reader's own time zone. Times are in seconds since 1970.
window.lesesal = (() => {
  const written = (options) => new Intl.DateTimeFormat("en-GB", options);
  const hours = written({ hour: "2-digit", minute: "2-digit" });
  const weekday = written({ weekday: "long" });
  const date = written({ day: "numeric", month: "short" });
  const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
  const counted = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;

  // 13:40, tomorrow 09:10, Friday 09:10, 4 Dec 09:10; with "at " before the hours, if wanted
  const clock = (seconds, at = "") => {
    const moment = new Date(1000 * seconds);
    const days = Math.round((midnight(moment) - midnight(Date.now())) / 86400e3);
    const near = { "-1": "yesterday ", 0: "", 1: "tomorrow " }[days];
    const day = near ?? (days > 1 && days < 7 ? `${weekday.format(moment)} ` : `${date.format(moment)} `);
    return day + at + hours.format(moment);
  };

  // 13 s, 1 min 13 s, 2 h 5 min
  const exactly = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    if (minutes >= 60) { return `${Math.floor(minutes / 60)} h ${minutes % 60} min`; }
    return `${minutes ? `${minutes} min ` : ""}${Math.floor(seconds % 60)} s`;
  };

  // about a minute, about 20 minutes, about 3 hours
  const about = (seconds) => {
    const minutes = Math.round(seconds / 60);
    if (minutes < 2) { return "about a minute"; }
    if (minutes < 20) { return `about ${minutes} minutes`; }
    if (minutes < 90) { return `about ${5 * Math.round(minutes / 5)} minutes`; }
    if (minutes < 36 * 60) { return `about ${counted(Math.round(minutes / 60), "hour")}`; }
    return `about ${counted(Math.round(minutes / 1440), "day")}`;
  };

  // A time that the cluster expects, which may have passed: then nobody knows better.
  const expected = (from, to) => {
    const now = Date.now() / 1000;
    if (to <= now) { return "any moment now"; }
    if (from <= now) { return `before ${clock(to)}`; }
    return clock(from) === clock(to) ? `about ${clock(to)}` : `between ${clock(from)} and ${clock(to)}`;
  };

  return { clock, exactly, about, expected };
})();

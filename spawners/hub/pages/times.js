// Times in words, in the reader's own time zone and language. Times are in seconds since 1970.
window.lesesal = (() => {
  const { language, words } = window.lesesalWords;

  // The text in the reader's language, with what stands in braces filled in.
  const _ = (text, values = {}) => (words[text] ?? text).replace(/\{(\w+)\}/g, (_all, name) => values[name]);

  const written = (options) => new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, options);
  const hours = written({ hour: "2-digit", minute: "2-digit" });
  const weekday = written({ weekday: "long" });
  const date = written({ day: "numeric", month: "short" });
  const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);

  // The day that is not today, and the time
  const parts = (seconds) => {
    const moment = new Date(1000 * seconds);
    const days = Math.round((midnight(moment) - midnight(Date.now())) / 86400e3);
    const near = { "-1": _("yesterday"), 0: "", 1: _("tomorrow") }[days];
    const day = near ?? (days > 1 && days < 7 ? weekday.format(moment) : date.format(moment));
    return { day, time: hours.format(moment) };
  };

  // 13:40, tomorrow 09:10, Friday 09:10, 4 Dec 09:10
  const clock = (seconds) => {
    const { day, time } = parts(seconds);
    return day ? `${day} ${time}` : time;
  };

  // at 13:40, yesterday at 09:10
  const clockAt = (seconds) => {
    const { day, time } = parts(seconds);
    return day ? _("{day} at {time}", { day, time }) : _("at {time}", { time });
  };

  // 13 s, 1 min 13 s, 2 h 5 min
  const exactly = (seconds) => {
    const minutes = Math.floor(seconds / 60);
    if (minutes >= 60) {
      const whole = _("{count} h", { count: Math.floor(minutes / 60) });
      return `${whole} ${minutes % 60} min`;
    }
    return `${minutes ? `${minutes} min ` : ""}${Math.floor(seconds % 60)} s`;
  };

  // about a minute, about 20 minutes, about 3 hours
  const about = (seconds) => {
    const minutes = Math.round(seconds / 60);
    if (minutes < 2) { return _("about a minute"); }
    if (minutes < 20) { return _("about {count} minutes", { count: minutes }); }
    if (minutes < 90) { return _("about {count} minutes", { count: 5 * Math.round(minutes / 5) }); }
    if (minutes < 36 * 60) {
      const count = Math.round(minutes / 60);
      return count === 1 ? _("about an hour") : _("about {count} hours", { count });
    }
    const count = Math.round(minutes / 1440);
    return count === 1 ? _("about a day") : _("about {count} days", { count });
  };

  // A time that the cluster expects, which may have passed: then nobody knows better.
  const expected = (from, to) => {
    const now = Date.now() / 1000;
    if (to <= now) { return _("any moment now"); }
    if (from <= now) { return _("before {time}", { time: clock(to) }); }
    return clock(from) === clock(to) ? _("about {time}", { time: clock(to) })
      : _("between {from} and {to}", { from: clock(from), to: clock(to) });
  };

  return { _, clock, clockAt, exactly, about, expected };
})();

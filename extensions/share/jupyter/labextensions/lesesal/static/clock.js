// What the clock says, in words; times are in seconds.

import { _, locale } from "./words.js";

// Minutes before the end at which a person is warned.
const WARNINGS = [15, 5, 1];
// Clocks and roundings differ: only an end that moved by more than this is a new one.
const MOVED = 30;

/**
 * Which warning is due.
 *
 * @param {number} left - seconds until the end.
 * @param {number} said - the last warning in minutes; Infinity before the first.
 * @returns {{due: number|null, said: number}} the warning to give now, and what is said then. Only
 *   the tightest is due; each is due again when the end has moved away and comes near again.
 */
export function warn(left, said) {
  const tightest = Math.min(...WARNINGS.filter((minutes) => left <= minutes * 60), Infinity);
  if (tightest < said) return { due: tightest, said: tightest };
  return { due: null, said: left > said * 60 + MOVED ? tightest : said };
}

/** How long that is: "1 h 20 min", "14 min", "40 s". Never more than is left. */
export function howLong(left) {
  const seconds = Math.max(0, Math.floor(left));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  const hours = _("{count} h", { count: Math.floor(minutes / 60) });
  return rest ? `${hours} ${rest} min` : hours;
}

/** When that is on the person's clock: "at 14:30", with the day when it is another one. */
export function when(ends, now = Date.now() / 1000) {
  const [end, today] = [new Date(ends * 1000), new Date(now * 1000)];
  const time = end.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  if (end.toDateString() === today.toDateString()) return _("at {time}", { time });
  const day = end.toLocaleDateString(locale, { weekday: "long" });
  return _("on {day} at {time}", { day, time });
}

/**
 * What the button for more time says.
 *
 * @param {{hours: number, how: "extend"|"follow"}} more - as the hub offers it.
 */
export function moreLabel({ hours, how }) {
  const minutes = Math.round(hours * 60);
  const follow = how === "follow";
  if (minutes % 60) {
    return follow ? _("Book another {count} minutes after it", { count: minutes })
      : _("Give me another {count} minutes", { count: minutes });
  }
  if (hours === 1) return follow ? _("Book another hour after it") : _("Give me another hour");
  return follow ? _("Book another {count} hours after it", { count: hours })
    : _("Give me another {count} hours", { count: hours });
}

// What the clock says, in words. Pure functions; times are in seconds.

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
  return `${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ""}`;
}

/** When that is on the person's clock: "at 14:30", with the day when it is another one. */
export function when(ends, now = Date.now() / 1000) {
  const [end, today] = [new Date(ends * 1000), new Date(now * 1000)];
  const time = end.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (end.toDateString() === today.toDateString()) return `at ${time}`;
  return `on ${end.toLocaleDateString([], { weekday: "long" })} at ${time}`;
}

/**
 * What the button for more time says.
 *
 * @param {{hours: number, how: "extend"|"follow"}} more - as the hub offers it.
 */
export function moreLabel({ hours, how }) {
  const minutes = Math.round(hours * 60);
  const time = minutes % 60 ? `${minutes} minutes` : hours === 1 ? "hour" : `${hours} hours`;
  return how === "follow" ? `Book another ${time} after it` : `Give me another ${time}`;
}

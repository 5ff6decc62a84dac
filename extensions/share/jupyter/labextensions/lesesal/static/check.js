// What the tests that a student can see say of what was handed in, as a line in nbgrader's Assignment
// List (due.js). They are run in the classroom, which is asked again until it knows.

import { _ } from "./words.js";

const [FIRST_MS, MOST_MS] = [2_000, 30_000];
const NAMED = 5;

/**
 * "Tests you can see: 7 of 9 passed. Not passed: sum, mean."
 *
 * @param {object} check - as `lesesal_notebook.exchange.listing` gives it.
 */
export function inWords({ waiting, passed, count, failed, says }) {
  if (waiting) return _("Tests you can see: being run …");
  const parts = [_("Tests you can see: {passed} of {count} passed.", { passed, count })];
  if (failed.length) {
    const names = failed.slice(0, NAMED).join(", ") + (failed.length > NAMED ? " …" : "");
    parts.push(_("Not passed: {names}.", { names }));
  }
  if (says) parts.push(says);
  return parts.join(" ");
}

/** When to ask again: soon at first, then less and less often, for a whole class asks. */
export class Patience {
  constructor(ask) {
    this.ask = ask;
    this.timer = null;
    this.reset();
  }

  /** Something was handed in, or the list was opened: what comes next is soon. */
  reset() {
    clearTimeout(this.timer);
    this.wait = FIRST_MS;
  }

  /** Ask again in a while. */
  again() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.ask, this.wait);
    this.wait = Math.min(MOST_MS, this.wait * 1.5);
  }
}

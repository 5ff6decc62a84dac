// Deadlines in nbgrader's Assignment List, which shows none itself: a line below each assignment's
// name, on the person's own clock. And below what was handed in, what the visible tests say of it.
// nbgrader's page has no place for extensions of it, so this looks for its rows; where it finds
// none, the list is as nbgrader made it.

import { Patience, inWords as checkInWords } from "./check.js";
import { _, locale, ready } from "./words.js";

const LISTS = ["released", "fetched", "submitted"].map((name) => `${name}_assignments_list`);
const HANDED_IN = "submitted_assignments_list";
const SETTLE_MS = 100;
const [DAY, HOUR, MINUTE] = [86_400, 3_600, 60];

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin(lab) {
  return {
    id: "lesesal:due",
    description: "Shows deadlines in nbgrader's Assignment List.",
    autoStart: true,
    activate(app) {
      const due = new DueLines(lab, app);
      app.shell.layoutModified?.connect(() => due.find());
      app.restored.then(() => due.find());
    }
  };
}

/**
 * A deadline in words: "Due Friday 27 November 2026 at 23:59, in 3 days · extended for you ·
 * late work is not taken".
 *
 * @param {object} deadline - as `lesesal_notebook.exchange.listing` gives it.
 * @param {number} now - in milliseconds.
 */
export function inWords(deadline, now = Date.now()) {
  const due = new Date(deadline.due);
  const day = due.toLocaleDateString(locale, {
    weekday: "long", day: "numeric", month: "long", year: "numeric"
  });
  const time = due.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
  const said = { day: day.replace(",", ""), time, distance: distance(due - now) };
  const parts = [_("Due {day} at {time}, {distance}", said)];
  if (deadline.extended) parts.push(_("extended for you"));
  if (deadline.late === "refuse") parts.push(_("late work is not taken"));
  if (deadline.late === "penalty") {
    const share = Number((deadline.penalty_per_day * 100).toPrecision(4));
    const percent = new Intl.NumberFormat(locale, { maximumFractionDigits: 4 }).format(share);
    parts.push(_("late work loses {percent} % of the points for each started day", { percent }));
  }
  if (deadline.grace_minutes) parts.push(_("{count} min of grace", { count: deadline.grace_minutes }));
  return parts.join(" · ");
}

/** How far away that is, rounded down: nobody is promised more time than there is. */
function distance(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  if (seconds < MINUTE) return milliseconds < 0 ? _("just now") : _("in less than a minute");
  const time = counted(seconds);
  return milliseconds < 0 ? _("{time} ago", { time }) : _("in {time}", { time });
}

function counted(seconds) {
  const [days, hours] = [Math.floor(seconds / DAY), Math.floor(seconds / HOUR)];
  const minutes = Math.floor(seconds / MINUTE);
  if (days) return days === 1 ? _("1 day") : _("{count} days", { count: days });
  if (hours) return hours === 1 ? _("1 hour") : _("{count} hours", { count: hours });
  return minutes === 1 ? _("1 minute") : _("{count} minutes", { count: minutes });
}

class DueLines {
  constructor(lab, app) {
    this.lab = lab;
    this.app = app;
    this.watched = null;
    this.timer = null;
    this.patience = new Patience(() => this.show());
  }

  // nbgrader makes its page when it is opened, and anew after it was closed.
  find() {
    const lists = LISTS.map((id) => document.getElementById(id)).filter(Boolean);
    if (!lists.length || this.watched === lists[0]) return;
    this.watched = lists[0];
    const observer = new MutationObserver((changes) => {
      if (changes.some(({ addedNodes }) => addedNodes.length)) this.soon();
    });
    lists.forEach((list) => observer.observe(list, { childList: true }));
    this.soon();
  }

  soon() {
    this.patience.reset();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), SETTLE_MS);
  }

  async show() {
    await ready;
    const rows = LISTS.flatMap((id) => [
      ...document.querySelectorAll(`#${id} > .list_item > .col-md-12`)
    ]).map((row) => ({
      place: row.querySelector(".item_name"),
      name: row.querySelector(".item_name")?.firstElementChild?.textContent.trim(),
      course: row.querySelector(".item_course")?.textContent.trim(),
      handedIn: Boolean(row.closest(`#${HANDED_IN}`))
    })).filter(({ place, name, course }) => place && name && course);
    let waiting = false;
    for (const course of new Set(rows.map((row) => row.course))) {
      const { deadlines, checks } = await this.ask(course);
      for (const { place, name, handedIn } of rows.filter((row) => row.course === course)) {
        const deadline = deadlines.get(name);
        const due = put(place, "lesesal-Due", deadline ? inWords(deadline) : "");
        due?.classList.toggle("lesesal-mod-past", new Date(deadline.due) < Date.now());
        const check = handedIn ? checks.get(name) : undefined;
        const line = put(place, "lesesal-Check", check ? checkInWords(check) : "");
        line?.setAttribute("role", "status");
        waiting ||= Boolean(check?.waiting && place.isConnected);
      }
    }
    if (waiting) this.patience.again();
  }

  // The list that nbgrader's page has just shown, with what it left out.
  async ask(course) {
    const { ServerConnection, URLExt } = this.lab;
    const settings = this.app.serviceManager.serverSettings;
    const url = URLExt.join(settings.baseUrl, "assignments") +
      `?course_id=${encodeURIComponent(course)}`;
    try {
      const answer = await (await ServerConnection.makeRequest(url, {}, settings)).json();
      if (answer.success) return told(answer.value.filter(({ course_id }) => course_id === course));
    } catch (error) {
      // nbgrader's page says when the classroom is away.
      console.warn("The deadlines are not known:", error);
    }
    return told([]);
  }
}

/** By assignment, the deadline, and what the visible tests say of the version handed in last. */
export function told(entries) {
  const [deadlines, checks] = [new Map(), new Map()];
  for (const { assignment_id, deadline, submissions } of entries) {
    if (deadline) deadlines.set(assignment_id, deadline);
    const check = submissions?.at(-1)?.check;
    if (check) checks.set(assignment_id, check);
  }
  return { deadlines, checks };
}

// The line below an assignment's name, which is made, changed or taken away.
function put(place, className, text) {
  let line = place.querySelector(`.${className}`);
  if (!text) {
    line?.remove();
    return null;
  }
  if (!line) {
    line = document.createElement("span");
    line.className = className;
    place.append(line);
  }
  if (line.textContent !== text) line.textContent = text;
  return line;
}

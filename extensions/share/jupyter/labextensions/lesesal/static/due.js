// Deadlines in nbgrader's Assignment List, which shows none itself: a line below each assignment's
// name, on the person's own clock. nbgrader's page has no place for extensions of it, so this looks
// for its rows; where it finds none, the list is as nbgrader made it.

const LISTS = ["released", "fetched", "submitted"].map((name) => `${name}_assignments_list`);
const SETTLE_MS = 100;
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

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
  const day = due.toLocaleDateString("en-GB", {
    weekday: "long", day: "numeric", month: "long", year: "numeric"
  });
  const time = due.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const parts = [`Due ${day.replace(",", "")} at ${time}, ${distance(due - now)}`];
  if (deadline.extended) parts.push("extended for you");
  if (deadline.late === "refuse") parts.push("late work is not taken");
  if (deadline.late === "penalty") {
    const share = Number((deadline.penalty_per_day * 100).toPrecision(4));
    parts.push(`late work loses ${share} % of the points for each started day`);
  }
  if (deadline.grace_minutes) parts.push(`${deadline.grace_minutes} min of grace`);
  return parts.join(" · ");
}

/** How far away that is, rounded down: nobody is promised more time than there is. */
function distance(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const [unit, size] = UNITS.find((each) => seconds >= each[1]) ?? [];
  if (!unit) return milliseconds < 0 ? "just now" : "in less than a minute";
  const count = Math.floor(seconds / size);
  const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return milliseconds < 0 ? `${text} ago` : `in ${text}`;
}

class DueLines {
  constructor(lab, app) {
    this.lab = lab;
    this.app = app;
    this.watched = null;
    this.timer = null;
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
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.show(), SETTLE_MS);
  }

  async show() {
    const rows = LISTS.flatMap((id) => [
      ...document.querySelectorAll(`#${id} > .list_item > .col-md-12`)
    ]).map((row) => ({
      place: row.querySelector(".item_name"),
      name: row.querySelector(".item_name")?.firstElementChild?.textContent.trim(),
      course: row.querySelector(".item_course")?.textContent.trim()
    })).filter(({ place, name, course }) => place && name && course);
    for (const course of new Set(rows.map((row) => row.course))) {
      const deadlines = await this.ask(course);
      for (const { place, name } of rows.filter((row) => row.course === course)) {
        place.querySelector(".lesesal-Due")?.remove();
        const deadline = deadlines.get(name);
        if (!deadline) continue;
        const line = document.createElement("span");
        line.className = "lesesal-Due";
        line.classList.toggle("lesesal-mod-past", new Date(deadline.due) < Date.now());
        line.textContent = inWords(deadline);
        place.append(line);
      }
    }
  }

  // The list that nbgrader's page has just shown, with what it left out.
  async ask(course) {
    const { ServerConnection, URLExt } = this.lab;
    const settings = this.app.serviceManager.serverSettings;
    const url = URLExt.join(settings.baseUrl, "assignments") +
      `?course_id=${encodeURIComponent(course)}`;
    try {
      const answer = await (await ServerConnection.makeRequest(url, {}, settings)).json();
      if (!answer.success) return new Map();
      return new Map(
        answer.value
          .filter(({ course_id, deadline }) => course_id === course && deadline)
          .map(({ assignment_id, deadline }) => [assignment_id, deadline])
      );
    } catch (error) {
      // nbgrader's page says when the classroom is away.
      console.warn("The deadlines are not known:", error);
      return new Map();
    }
  }
}

// The tab of batch jobs: a form made from a notebook's parameters, and the list of one's jobs.

import { Api } from "./batchapi.js";
import { element } from "./batchdom.js";
import { Form } from "./batchform.js";
import { _, locale } from "./words.js";

const LOOK_MS = 4_000;

/** What is in the tab. */
export class Page {
  /**
   * @param {object} lab - JupyterLab's packages.
   * @param {object} app - JupyterLab.
   * @param {object} documents - its document manager.
   */
  constructor(lab, app, documents) {
    this.documents = documents;
    this.api = new Api(lab, app);
    this.place = element("div");
    this.said = element("p", { className: "lesesal-Batch-said", role: "status" });
    this.list = element("ul", { className: "lesesal-Batch-runs" });
    this.node = element(
      "div", { className: "lesesal-Batch" },
      this.place, element("h2", {}, _("Batch jobs")), this.said, this.list
    );
    // Not while another tab is before it.
    const seen = () => !document.hidden && this.node.offsetParent !== null;
    this.timer = setInterval(() => seen() && this.look(), LOOK_MS);
    this.looking = false;
    // Runs whose tasks are shown.
    this.unfolded = new Set();
    this.drawn = "";
    // A button that is being pressed stays until it was: drawn anew, it would not be told.
    this.pressed = false;
    this.stopped = new AbortController();
    const { signal } = this.stopped;
    this.list.addEventListener("pointerdown", () => { this.pressed = true; }, { signal });
    for (const end of ["pointerup", "pointercancel"]) {
      window.addEventListener(end, () => { this.pressed = false; }, { signal });
    }
  }

  stop() {
    clearInterval(this.timer);
    this.stopped.abort();
  }

  /** The form for a notebook, as it is now, and the list. */
  async show(path) {
    this.place.replaceChildren();
    this.said.textContent = "";
    if (path) {
      // What runs is the file.
      const open = this.documents.findWidget(path);
      if (open) await this.documents.contextForWidget(open)?.save();
      const form = new Form(this.api, path, async (run) => {
        this.said.textContent = _("{name} is started.", { name: run.name });
        await this.look();
      });
      this.place.append(form.node);
      await form.fill();
    }
    await this.look();
  }

  /** Ask how they stand, and draw what has changed. */
  async look() {
    if (this.looking) return;
    this.looking = true;
    try {
      const unfolded = [...this.unfolded].map((id) => `&tasks=${id}`).join("");
      const { runs } = await this.api.request(`runs?${unfolded.slice(1)}`);
      const found = JSON.stringify(runs);
      if (found === this.drawn || this.pressed) return;
      this.draw(runs);
      this.drawn = found;
    } catch (error) {
      this.said.textContent = error.message;
    } finally {
      this.looking = false;
    }
  }

  draw(runs) {
    // Who is about to press a button keeps it.
    const focus = document.activeElement?.dataset?.batch;
    const none = element("li", {}, _("None yet. Right-click a notebook to run it as a batch job."));
    this.list.replaceChildren(...(runs.length ? runs.map((run) => this.row(run)) : [none]));
    if (focus) this.list.querySelector(`[data-batch="${CSS.escape(focus)}"]`)?.focus();
  }

  row(run) {
    const when = new Date(run.submitted * 1000).toLocaleString([locale, "nb"], {
      day: "numeric", month: "short", hour: "2-digit", minute: "2-digit"
    });
    const many = run.count > 1 ? _("{count} tasks", { count: run.count }) : "";
    const about = [when, many, run.line, run.sentence].filter(Boolean).join(" · ");
    const state = element("span", { className: "lesesal-Batch-state" }, run.word);
    state.dataset.state = run.state;
    const head = element("div", { className: "lesesal-Batch-head" }, element("b", {}, run.name), state);
    const row = element("li", {}, head, element("div", {}, about));
    row.dataset.run = run.id;
    if (run.alive) {
      const bar = element("progress", { max: 1, value: run.fraction });
      bar.setAttribute("aria-label", run.name);
      row.append(bar);
    }
    const buttons = element("div", { className: "lesesal-Batch-buttons" });
    if (run.result && run.count === 1) {
      buttons.append(this.button(run, "open", _("Open the result"), () =>
        this.documents.openOrReveal(run.result)));
    }
    if (run.alive) {
      buttons.append(this.button(run, "cancel", _("Cancel"), () =>
        this.api.request(`runs/${run.id}`, { method: "DELETE" })));
    }
    if (run.resumable) {
      buttons.append(this.button(run, "resume", _("Resume"), () =>
        this.api.request(`runs/${run.id}`, { method: "POST", body: "{}" })));
    }
    if (buttons.childElementCount) row.append(buttons);
    if (run.count > 1) row.append(this.tasks(run));
    return row;
  }

  // A sweep's tasks, which are asked for when somebody wants to see them.
  tasks(run) {
    const summary = element("summary", {}, _("Tasks and results"));
    summary.dataset.batch = `tasks-${run.id}`;
    const details = element("details", { open: this.unfolded.has(run.id) }, summary);
    const table = element("table");
    for (const { task, values, word, result } of run.tasks ?? []) {
      const given = Object.entries(values).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      const open = result ? this.button({ id: `${run.id}-${task}`, name: given.join(" ") }, "open",
        _("Open the result"), () => this.documents.openOrReveal(result)) : "";
      table.append(element("tr", {}, ...[String(task), given.join(" "), word, open].map((each) =>
        element("td", {}, each))));
    }
    details.append(table);
    details.addEventListener("toggle", () => {
      if (details.open === this.unfolded.has(run.id)) return;
      if (details.open) this.unfolded.add(run.id);
      else this.unfolded.delete(run.id);
      this.look();
    });
    return details;
  }

  button(run, name, label, act) {
    const button = element("button", { type: "button", className: "jp-mod-styled" }, label);
    button.dataset.batch = `${name}-${run.id}`;
    button.setAttribute("aria-label", `${label}: ${run.name}`);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await act();
        this.said.textContent = "";
      } catch (error) {
        this.said.textContent = error.message;
      }
      button.disabled = false;
      await this.look();
    });
    return button;
  }
}

// The form of a batch job: a field for each of the notebook's parameters, the offer, the hours.

import { element } from "./batchdom.js";
import { _ } from "./words.js";

// After the last key, until it is asked how many tasks that are.
const SETTLE_MS = 300;
let forms = 0;

/** One form. */
export class Form {
  /**
   * @param {object} api - `Api`.
   * @param {string} path - the notebook, in JupyterLab's files.
   * @param {Function} started - called with the run that was started.
   */
  constructor(api, path, started) {
    Object.assign(this, { api, path, started });
    this.number = ++forms;
    this.rows = 0;
    this.fields = new Map();
    this.offers = [];
    this.timer = null;
    this.said = element("p", { className: "lesesal-Batch-refused", role: "alert" });
    this.node = element("form", { className: "lesesal-Batch-form", noValidate: true });
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
  }

  /** Ask what the notebook and the course have. */
  async fill() {
    const name = this.path.split("/").at(-1);
    this.node.append(element("h2", {}, _("Run {name} as a batch job", { name })));
    try {
      const { parameters, offers, message } = await this.api.request(
        `form?path=${encodeURIComponent(this.path)}`
      );
      this.offers = offers;
      this.draw(parameters);
      this.said.textContent = message;
    } catch (error) {
      this.said.textContent = error.message;
    }
    this.node.append(this.said);
  }

  draw(parameters) {
    for (const parameter of parameters) this.node.append(this.field(parameter));
    this.node.append(element("p", { className: "lesesal-Batch-hint" }, parameters.length
      ? _("Several values, separated by commas, make a sweep: one task for each combination. Texts are then in quotation marks: \"a\", \"b\".")
      : _("This notebook has no parameters: no cell has the tag “parameters”. Add that tag to the cell with your settings (the gear icon at the upper right), and they are fields here.")
    ));
    this.node.append(this.offer(), this.hours());
    this.tasks = element("p", { role: "status" });
    this.button = element("button", { type: "submit", className: "jp-mod-styled jp-mod-accept" }, _("Start"));
    this.node.append(this.tasks, this.button);
    this.node.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.count(), SETTLE_MS);
    });
    this.count();
  }

  field({ name, type, default: value, help }) {
    const input = element("input", { type: "text", value, spellcheck: false, autocomplete: "off" });
    const wrong = element("span", { className: "lesesal-Batch-refused" });
    this.fields.set(name, { input, wrong });
    return this.labelled(name, [type, help].filter(Boolean).join(" · "), input, wrong);
  }

  offer() {
    this.offerField = element("select", {}, ...this.offers.map(({ name, title }) =>
      element("option", { value: name }, title)));
    this.offerField.addEventListener("change", () => this.limit());
    return this.labelled(_("Offer"), "", this.offerField);
  }

  hours() {
    this.hoursField = element("input", { type: "number", min: 0, step: "any" });
    this.hoursHelp = element("span", { className: "lesesal-Batch-help" });
    const row = this.labelled(_("Hours"), "", this.hoursField, this.hoursHelp);
    this.limit();
    return row;
  }

  limit() {
    const offer = this.offers.find(({ name }) => name === this.offerField.value);
    this.hoursField.placeholder = offer?.hours ?? "";
    this.hoursHelp.textContent = offer
      ? _("at most {hours}; all of them, when it is empty", { hours: offer.hours }) : "";
  }

  labelled(text, help, input, ...more) {
    const id = `lesesal-batch-${this.number}-${++this.rows}`;
    input.id = id;
    const about = element("span", { className: "lesesal-Batch-help", id: `${id}-help` }, help);
    input.setAttribute("aria-describedby", about.id);
    return element(
      "div", { className: "lesesal-Batch-field" },
      element("label", { htmlFor: id }, text), input, about, ...more
    );
  }

  get values() {
    return Object.fromEntries([...this.fields].map(([name, { input }]) => [name, input.value]));
  }

  // How it is understood: what can't be read, and how many tasks that are.
  async count() {
    const values = this.values;
    let found;
    try {
      found = await this.api.send("form", { path: this.path, values });
    } catch (error) {
      this.said.textContent = error.message;
      return;
    }
    for (const [name, { input, wrong }] of this.fields) {
      wrong.textContent = found.wrong[name] ?? "";
      input.setAttribute("aria-invalid", name in found.wrong);
    }
    const bad = Object.keys(found.wrong).length > 0 || Boolean(found.message);
    this.tasks.textContent = found.message || (bad ? ""
      : found.tasks === 1 ? _("This is one task.") : _("These are {count} tasks.", { count: found.tasks }));
  }

  async start() {
    this.button.disabled = true;
    this.said.textContent = "";
    try {
      const hours = this.hoursField.value;
      const run = await this.api.send("runs", {
        path: this.path,
        values: this.values,
        offer: this.offerField.value,
        hours: hours === "" ? null : Number(hours)
      });
      this.node.remove();
      await this.started(run);
    } catch (error) {
      this.said.textContent = error.message;
    } finally {
      this.button.disabled = false;
    }
  }
}

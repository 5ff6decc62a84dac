// What a notebook's desk (lesesal_notebook/widgets/desk/desk.py) can't do from its kernel: save what is
// open before it is validated or handed in, open files here, and tell times on the reader's clock.

import { _, locale, ready } from "./words.js";

const CLOCK_MS = 500;

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin(lab) {
  return {
    id: "lesesal:desk",
    description: "Saves before a desk hands in, opens its files, and tells its times.",
    autoStart: true,
    requires: [lab.IDocumentManager],
    activate(app, documents) {
      const desk = new Desk(lab, app, documents);
      document.addEventListener("click", (event) => desk.clicked(event), { capture: true });
      ready.then(() => setInterval(tellTimes, CLOCK_MS));
    }
  };
}

class Desk {
  constructor(lab, app, documents) {
    this.lab = lab;
    this.app = app;
    this.documents = documents;
    this.saved = null;
  }

  clicked(event) {
    const link = event.target.closest?.("a.lesesal-Open");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      this.app.commands.execute("docmanager:open", { path: link.dataset.path });
      return;
    }
    const button = event.target.closest?.("button.lesesal-SaveFirst");
    if (!button || button === this.saved) return;
    const contexts = this.dirty(button);
    if (!contexts.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.saveAndClick(contexts, button);
  }

  // What is open of the button's assignment and not saved.
  dirty(button) {
    const row = button.closest(".lesesal-desk-row");
    const folder = row?.querySelector("[data-folder]")?.dataset.folder;
    const contexts = new Set();
    for (const widget of this.app.shell.widgets("main")) {
      const context = this.documents.contextForWidget(widget);
      const ours = !folder || context?.path.startsWith(`${folder}/`);
      if (ours && context?.model.dirty && context.contentsModel?.writable) contexts.add(context);
    }
    return [...contexts];
  }

  async saveAndClick(contexts, button) {
    try {
      for (const context of contexts) await context.save();
    } catch (error) {
      await this.lab.showErrorMessage(_("It was not saved, and nothing was sent"), error.message);
      return;
    }
    this.saved = button;
    button.click();
    this.saved = null;
  }
}

// All that are shown; a list that the browser keeps, so that looking costs nothing.
const times = document.getElementsByClassName("lesesal-Time");

function tellTimes() {
  for (const time of times) {
    if (time.title) continue;
    time.title = time.textContent;
    time.textContent = onThisClock(new Date(time.dateTime));
  }
}

/** "Wed, 25 Nov 2026, 19:23 CET". */
export function onThisClock(moment) {
  return moment.toLocaleString(locale, {
    weekday: "short", day: "numeric", month: "short", year: "numeric",
    hour: "2-digit", minute: "2-digit", timeZoneName: "short"
  });
}

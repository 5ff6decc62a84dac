// Long loops in a notebook that was opened again: the page hears no more of the cell that runs, so
// the session's server is asked for the loop's files, and the cell's output is what it answers. The
// server's part is lesesal_notebook/widgets/progress/page.py.

const START = '<div class="lesesal-Progress"';
const HEAD = /data-lesesal-progress="([\d-]+)" data-state="(\w+)" data-updated="([\d.]+)"/;
const ASK_MS = 2_000;

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin(lab) {
  return {
    id: "lesesal:progress",
    description: "Keeps a long loop's curve up to date in a notebook that was opened again.",
    autoStart: true,
    activate(app) {
      const loops = new Loops(lab, app);
      app.restored.then(() => setInterval(() => loops.look(), ASK_MS));
    }
  };
}

/** What an output shows: `{id, running, updated}`; null when it shows no loop. */
export function shown(html) {
  const head = typeof html === "string" && html.startsWith(START) ? HEAD.exec(html) : null;
  return head && { id: head[1], running: head[2] === "running", updated: head[3] };
}

class Loops {
  constructor(lab, app) {
    this.lab = lab;
    this.app = app;
    this.updated = new Map();
    this.unknown = new Set();
    this.busy = false;
  }

  async look() {
    if (this.busy || document.hidden) return;
    this.busy = true;
    try {
      for (const { outputs, index } of this.running()) await this.follow(outputs, index);
    } finally {
      this.busy = false;
    }
  }

  *running() {
    for (const panel of this.app.shell.widgets("main")) {
      for (const cell of panel.content?.widgets ?? []) {
        const outputs = cell.outputArea?.model;
        for (let index = 0; index < (outputs?.length ?? 0); index++) {
          if (shown(outputs.get(index).data["text/html"])?.running) yield { outputs, index };
        }
      }
    }
  }

  // While the kernel's own messages come, there is nothing to ask.
  async follow(outputs, index) {
    const { id, updated } = shown(outputs.get(index).data["text/html"]);
    if (this.unknown.has(id)) return;
    const before = this.updated.get(id);
    this.updated.set(id, updated);
    if (before !== updated) return;
    const told = await this.ask(id);
    // While it was asked, the cell may have been run again.
    const now = index < outputs.length ? shown(outputs.get(index).data["text/html"]) : null;
    if (!told || now?.id !== id || now.updated !== updated) return;
    this.updated.set(id, shown(told.html)?.updated);
    const output = outputs.get(index).toJSON();
    const data = { ...output.data, "text/html": told.html, "text/plain": told.text };
    outputs.set(index, { ...output, data });
    // It is its own echo, not the kernel's: the next look asks again.
  }

  async ask(id) {
    const { ServerConnection, URLExt } = this.lab;
    const settings = this.app.serviceManager.serverSettings;
    const url = URLExt.join(settings.baseUrl, "lesesal", "progress", id);
    try {
      const answer = await ServerConnection.makeRequest(url, {}, settings);
      if (answer.ok) return await answer.json();
      if (answer.status === 404) this.unknown.add(id);
    } catch (error) {
      // JupyterLab itself says when the server is away.
      console.warn("A loop's state is not known:", error);
    }
    return null;
  }
}

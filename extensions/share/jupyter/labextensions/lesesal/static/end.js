// The session's end in JupyterLab: the time left in the status bar, warnings, and everything
// saved when the end comes. The server's part is lesesal_notebook/session/end.py.

import { howLong, moreLabel, warn, when } from "./clock.js";
import { _ } from "./words.js";

const EVENT = "https://lesesal.invalid/events/session-end";
// The end seldom changes, and when it does an event says so.
const ASK_MS = 60_000;
const TICK_MS = 1_000;
// While the session is ending, what is typed or printed now may be the last.
const SAVE_MS = 3_000;
// A save that takes longer waits for a person, who may not be there.
const PATIENCE_MS = 10_000;

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin(lab) {
  return {
    id: "lesesal:end",
    description: "Shows when the session ends, warns, and saves everything before it does.",
    autoStart: true,
    requires: [lab.IDocumentManager],
    optional: [lab.IStatusBar],
    activate(app, documents, statusBar) {
      const end = new SessionEnd(lab, app, documents);
      statusBar?.registerStatusItem("lesesal:end", {
        item: end.item,
        // First, and kept, where the window is too narrow for all items.
        align: "left",
        rank: -1,
        priority: 1
      });
      // The status bar is a part of what is restored.
      app.restored.then(() => end.start());
    }
  };
}

class SessionEnd {
  constructor(lab, app, documents) {
    this.lab = lab;
    this.app = app;
    this.documents = documents;
    this.known = null;
    this.said = Infinity;
    this.notice = null;
    this.ending = false;
    this.saved = Promise.resolve();
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "lesesal-End";
    this.button.hidden = true;
    this.button.addEventListener("click", () => this.tell());
    this.item = new lab.Widget({ node: document.createElement("div") });
    this.item.node.append(this.button);
  }

  start() {
    this.app.serviceManager.events.stream.connect((_, { schema_id, step }) => {
      if (schema_id !== EVENT) return;
      if (step === "ask") this.ask();
      else this.save();
    });
    this.ask();
    setInterval(() => this.ask(), ASK_MS);
    setInterval(() => this.tick(), TICK_MS);
  }

  async request(path, init = {}) {
    const { ServerConnection, URLExt } = this.lab;
    const settings = this.app.serviceManager.serverSettings;
    const url = URLExt.join(settings.baseUrl, "lesesal", path);
    const answer = await ServerConnection.makeRequest(url, init, settings);
    // What comes from elsewhere than from our handlers need not be JSON.
    const body = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(body.message ?? _("The session answers: HTTP {status}.", { status: answer.status }));
    return body;
  }

  async ask() {
    try {
      this.take(await this.request("end"));
    } catch (error) {
      // JupyterLab itself says when the server is away; the last known end stays.
      console.warn("The session's end is not known:", error);
    }
  }

  take(known) {
    this.known = known;
    // By this machine's clock, which may differ from the server's.
    this.endsHere = known.left === null ? null : Date.now() / 1000 + known.left;
    if (!known.ending) this.ending = false;
    else if (!this.ending) this.save();
    this.tick();
  }

  get left() {
    return Math.max(0, this.endsHere - Date.now() / 1000);
  }

  tick() {
    this.button.hidden = !this.known || this.endsHere === null;
    if (this.button.hidden) return;
    const { left } = this;
    const text = left > 0 ? _("{time} left", { time: howLong(left) }) : _("ending now");
    if (this.button.textContent !== text) this.button.textContent = text;
    this.button.title = _("This session ends {when}", { when: when(this.endsHere) });
    this.button.classList.toggle("lesesal-mod-soon", left <= 15 * 60);
    this.button.classList.toggle("lesesal-mod-now", left <= 5 * 60);
    const { due, said } = warn(left, this.said);
    this.said = said;
    if (due !== null && !this.known.ending) {
      this.notify(
        _(
          "This session ends in {time}, {when}. Shortly before, all that is open is saved and what runs is stopped.",
          { time: howLong(Math.ceil(left)), when: when(this.endsHere) }
        ),
        due > 5 ? "info" : "warning"
      );
    }
  }

  // One notice at a time: the newest says all that is to say.
  notify(message, type) {
    const { Notification } = this.lab;
    if (this.notice) Notification.dismiss(this.notice);
    const more = this.known?.more;
    const actions = more
      ? [{ label: moreLabel(more), displayType: "accent", callback: () => this.more() }]
      : [];
    this.notice = Notification.emit(message, type, { autoClose: false, actions });
  }

  async tell() {
    const { Dialog, showDialog } = this.lab;
    const { more, news } = this.known;
    const body = _(
      "{time} left. Shortly before the end, all that is open is saved and what runs is stopped.",
      { time: howLong(this.left) }
    );
    const choice = await showDialog({
      title: _("This session ends {when}", { when: when(this.endsHere) }),
      body: news ? `${body} ${news}` : body,
      buttons: [
        Dialog.cancelButton({ label: _("Close") }),
        ...(more ? [Dialog.okButton({ label: moreLabel(more) })] : [])
      ]
    });
    if (choice.button.accept) await this.more();
  }

  async more() {
    const { Notification, showErrorMessage } = this.lab;
    try {
      this.take(await this.request("more", { method: "POST", body: "{}" }));
    } catch (error) {
      await showErrorMessage(_("There is no more time now"), error.message);
      return;
    }
    if (this.notice) Notification.dismiss(this.notice);
    this.notice = Notification.success(this.known.news, { autoClose: 10_000 });
  }

  // From the first call on all that is open is saved, again and again until the end.
  async save() {
    if (!this.ending) {
      this.ending = true;
      this.notify(
        _("This session is about to end. All that is open is being saved, and what runs is stopped."),
        "warning"
      );
      this.keepSaving();
    }
    await this.saveAll();
    this.request("saved", { method: "POST", body: "{}" }).catch(console.warn);
  }

  async keepSaving() {
    while (this.ending) {
      await new Promise((resolve) => setTimeout(resolve, SAVE_MS));
      await this.saveAll();
    }
  }

  // One after another: of two at once, each would find the file changed by somebody else.
  saveAll() {
    this.saved = this.saved.then(() => this.saveDirty());
    return this.saved;
  }

  async saveDirty() {
    const contexts = new Set();
    for (const widget of this.app.shell.widgets("main")) {
      const context = this.documents.contextForWidget(widget);
      if (context?.model.dirty && context.contentsModel?.writable) contexts.add(context);
    }
    await Promise.allSettled([...contexts].map((context) => this.saveOne(context)));
  }

  async saveOne(context) {
    let timer;
    const patience = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("It waits for an answer.")), PATIENCE_MS);
    });
    try {
      await Promise.race([context.save(), patience]);
    } catch (error) {
      console.warn(`${context.path} was not saved, a copy is:`, error);
      await this.saveCopy(context);
    } finally {
      clearTimeout(timer);
    }
  }

  // The file was changed by something else too, and JupyterLab asks which of the two to keep.
  async saveCopy({ path, model, contentsModel }) {
    const dot = path.lastIndexOf(".") > path.lastIndexOf("/") ? path.lastIndexOf(".") : path.length;
    const { type, format } = contentsModel;
    const content = type === "notebook" ? model.toJSON() : model.toString();
    await this.app.serviceManager.contents.save(
      `${path.slice(0, dot)}-unsaved${path.slice(dot)}`,
      { type, format: format ?? (type === "notebook" ? "json" : "text"), content }
    );
  }
}

// What staff announces to the course, as a notice in JupyterLab, once. The server's part is
// lesesal_notebook/session/announcements.py.

// Each page asks at a moment of its own, and only while somebody looks at it.
const ASK_MS = 60_000;
const FIRST_MS = 10_000;
const MOST_SEEN = 200;

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin(lab) {
  return {
    id: "lesesal:announcements",
    description: "Shows what the people who teach the course announce.",
    autoStart: true,
    activate(app) {
      const settings = app.serviceManager.serverSettings;
      const url = lab.URLExt.join(settings.baseUrl, "lesesal", "announcements");
      const seen = new Seen(window.localStorage, `lesesal:announced:${settings.baseUrl}`);
      const ask = async () => {
        if (document.hidden) return;
        try {
          const answer = await lab.ServerConnection.makeRequest(url, {}, settings);
          if (!answer.ok) return;
          for (const each of seen.unseen((await answer.json()).announcements)) {
            lab.Notification.info(inWords(each), { autoClose: false });
          }
        } catch (error) {
          // JupyterLab itself says when the server is away.
          console.warn("Announcements are not known:", error);
        }
      };
      const soon = FIRST_MS + Math.random() * ASK_MS;
      app.restored.then(() => setTimeout(() => {
        ask();
        setInterval(ask, ASK_MS);
      }, soon));
    }
  };
}

/** An announcement as a notice says it. */
export function inWords({ title, text, author }) {
  return text ? `${title}: ${text} (${author})` : `${title} (${author})`;
}

/** Which announcements this browser has shown. */
export class Seen {
  constructor(storage, key) {
    this.storage = storage;
    this.key = key;
  }

  /** Those that were not shown before, oldest first; from now on they were. */
  unseen(announcements) {
    const known = this.known();
    const found = announcements.filter(({ id }) => !known.includes(id)).reverse();
    if (found.length) {
      const all = [...known, ...found.map(({ id }) => id)].slice(-MOST_SEEN);
      this.storage.setItem(this.key, JSON.stringify(all));
    }
    return found;
  }

  known() {
    try {
      const found = JSON.parse(this.storage.getItem(this.key));
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  }
}

// How the tab of batch jobs asks the session's server.

import { _ } from "./words.js";

/** The addresses below lesesal/batch. */
export class Api {
  constructor(lab, app) {
    this.lab = lab;
    this.settings = app.serviceManager.serverSettings;
  }

  /** What an address answers; an Error with a sentence when it refuses. */
  async request(path, init = {}) {
    const { ServerConnection, URLExt } = this.lab;
    const url = URLExt.join(this.settings.baseUrl, "lesesal", "batch", path);
    let answer;
    try {
      answer = await ServerConnection.makeRequest(url, init, this.settings);
    } catch {
      throw new Error(_("The session does not answer. Try again in a minute."));
    }
    const body = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (!answer.ok) {
      throw new Error(body.message ?? _("The session answers: HTTP {status}.", { status: answer.status }));
    }
    return body;
  }

  /** The same with something to say, as JSON. */
  send(path, content) {
    return this.request(path, { method: "POST", body: JSON.stringify(content) });
  }
}

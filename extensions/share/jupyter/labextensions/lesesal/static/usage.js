// What the session uses of its GPUs, processors and memory, in the status bar. The server's part is
// lesesal_notebook/session/usage.py.

import { _, locale, ready } from "./words.js";

// Only while somebody looks at the page.
const ASK_MS = 8_000;
const FIRST_MS = 3_000;
const GIB = 2 ** 30;
// From here on what comes next may not fit.
const NEARLY = 0.9;

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin(lab) {
  return {
    id: "lesesal:usage",
    description: "Shows what the session uses of its GPUs, processors and memory.",
    autoStart: true,
    optional: [lab.IStatusBar],
    activate(app, statusBar) {
      if (!statusBar) return;
      const usage = new Usage(lab, app);
      statusBar.registerStatusItem("lesesal:usage", {
        item: usage.item,
        // Beside the time left, which stays where the window is too narrow for both.
        align: "left",
        rank: -0.5
      });
      app.restored.then(() => usage.start());
    }
  };
}

/** A number as the person writes it. */
function number(value, digits) {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
}

/** "1.2 of 8 GiB"; empty when it is not known. */
function gib({ used, limit }) {
  if (used === null || limit === null) return "";
  return _("{used} of {most} GiB", { used: number(used / GIB, 1), most: number(limit / GIB, 1) });
}

function percent(share) {
  return share === null ? "" : `${number(share * 100, 0)} %`;
}

function cores({ used, count }) {
  return _("{used} of {count} cores", { used: used === null ? "–" : number(used, 1), count });
}

function sum(values) {
  return values.includes(null) ? null : values.reduce((all, each) => all + each, 0);
}

/**
 * What there is room for: "GPU 45 % · 12.3 of 80 GiB · Memory 3.1 of 64 GiB".
 *
 * @param {object} known - as `lesesal_notebook.session.usage` gives it.
 */
export function inBrief({ cpu, memory, gpus, silent }) {
  const host = [_("Memory"), gib(memory)].join(" ");
  if (silent) return [_("The GPU does not answer"), host].join(" · ");
  if (!gpus.length) return [[_("CPU"), cores(cpu)].join(" "), host].join(" · ");
  const uses = sum(gpus.map(({ use }) => use));
  const theirs = {
    used: sum(gpus.map((gpu) => gpu.memory.used)),
    limit: sum(gpus.map((gpu) => gpu.memory.limit))
  };
  const parts = [percent(uses === null ? null : uses / gpus.length), gib(theirs)].filter(Boolean);
  const name = gpus.length > 1 ? _("{count} GPUs", { count: gpus.length }) : _("GPU");
  return [`${name} ${parts.join(" · ")}`.trim(), host].join(" · ");
}

/** All that is known, as lines. */
export function inFull({ cpu, memory, gpus, silent }) {
  const lines = gpus.map(({ name, use, memory: own, watts, energy }) => {
    const parts = [];
    if (use !== null) parts.push(percent(use));
    if (gib(own)) parts.push(gib(own));
    if (watts !== null) parts.push(_("{watts} W", { watts: number(watts, 0) }));
    if (energy) parts.push(used(energy));
    return parts.length ? `${name}: ${parts.join(", ")}` : name;
  });
  if (silent) {
    lines.push(_(
      "The GPU of this session does not answer. Start a new session; if it stays so, tell those who run this site."
    ));
  } else if (!gpus.length) {
    lines.push(_("This session has no GPU. To get one, start a session with an offer that has one."));
  }
  lines.push([_("CPU"), cores(cpu)].join(": "), [_("Memory"), gib(memory)].join(": "));
  return lines;
}

function used({ watt_hours, since, counted }) {
  const time = new Date(since * 1000).toLocaleTimeString(locale, {
    hour: "2-digit", minute: "2-digit"
  });
  const values = { amount: number(watt_hours, watt_hours < 10 ? 2 : 0), time };
  return counted ? _("{amount} Wh since {time}", values)
    : _("about {amount} Wh since {time}, from its power", values);
}

/** Whether some memory is nearly full. */
export function isNearlyFull({ memory, gpus }) {
  return [memory, ...gpus.map((gpu) => gpu.memory)].some(
    ({ used, limit }) => limit && used >= NEARLY * limit
  );
}

class Usage {
  constructor(lab, app) {
    this.lab = lab;
    this.app = app;
    this.known = null;
    this.asking = false;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "lesesal-Usage";
    this.button.hidden = true;
    this.button.addEventListener("click", () => this.tell());
    this.item = new lab.Widget({ node: document.createElement("div") });
    this.item.node.append(this.button);
  }

  start() {
    setTimeout(() => this.ask(), FIRST_MS);
    setInterval(() => this.ask(), ASK_MS);
    // Who comes back sees what is now.
    document.addEventListener("visibilitychange", () => this.ask());
  }

  async ask() {
    if (document.hidden || this.asking) return;
    this.asking = true;
    const { ServerConnection, URLExt } = this.lab;
    const settings = this.app.serviceManager.serverSettings;
    const url = URLExt.join(settings.baseUrl, "lesesal", "usage");
    try {
      await ready;
      const answer = await ServerConnection.makeRequest(url, {}, settings);
      if (answer.ok) this.show(await answer.json());
    } catch (error) {
      // JupyterLab itself says when the server is away; what was known is old.
      this.button.hidden = true;
      console.warn("What the session uses is not known:", error);
    } finally {
      this.asking = false;
    }
  }

  show(known) {
    this.known = known;
    this.button.hidden = false;
    const text = inBrief(known);
    if (this.button.textContent !== text) this.button.textContent = text;
    this.button.title = inFull(known).join("\n");
    this.button.classList.toggle("lesesal-mod-soon", isNearlyFull(known));
  }

  async tell() {
    const { Dialog, showDialog, Widget } = this.lab;
    const body = new Widget();
    const list = document.createElement("ul");
    list.className = "lesesal-Lines";
    for (const line of inFull(this.known)) {
      const item = document.createElement("li");
      item.textContent = line;
      list.append(item);
    }
    const code = document.createElement("code");
    code.textContent = "from lesesal_notebook import gpu; gpu()";
    const hint = document.createElement("p");
    hint.append(_("Live, in a notebook:"), " ", code);
    body.node.append(list, hint);
    await showDialog({
      title: _("What this session uses"),
      body,
      buttons: [Dialog.cancelButton({ label: _("Close") })]
    });
  }
}

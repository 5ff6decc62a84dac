// What JupyterLab loads of an extension: a container of webpack's module federation with `init`
// and `get`. It is small enough to be written by hand, so that nothing has to be built.
"use strict";

(() => {
  const here = document.currentScript.src;
  let shared;

  // A package as JupyterLab itself uses it: tokens are known by identity, not by name.
  async function shares(name) {
    const copies = Object.values(shared[name]);
    const copy = copies.find(({ loaded }) => loaded) ?? copies[0];
    return (await copy.get())();
  }

  async function extension() {
    const [announcements, batch, desk, due, end, kernels, progress, usage, words, ...packages] = await Promise.all([
      import("./announcements.js"),
      import("./batch.js"),
      import("./desk.js"),
      import("./due.js"),
      import("./end.js"),
      import("./kernels.js"),
      import("./progress.js"),
      import("./usage.js"),
      import("./words.js"),
      shares("@jupyterlab/apputils"),
      shares("@jupyterlab/coreutils"),
      shares("@jupyterlab/docmanager"),
      shares("@jupyterlab/filebrowser"),
      shares("@jupyterlab/mainmenu"),
      shares("@jupyterlab/services"),
      shares("@jupyterlab/statusbar"),
      shares("@lumino/widgets")
    ]);
    // JupyterLab writes on what it gets, and modules can't be written on.
    const lab = Object.assign({}, ...packages);
    // JupyterLab does not wait for it.
    words.ask(lab);
    return { __esModule: true, default: [end, desk, due, announcements, batch, kernels, progress, usage].map((each) => each.plugin(lab)) };
  }

  async function style() {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("style.css", here);
    document.head.append(link);
    return {};
  }

  const modules = { "./extension": extension, "./style": style };
  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB.lesesal = {
    init(scope) {
      shared = scope;
    },
    async get(name) {
      const made = await modules[name]();
      return () => made;
    }
  };
})();

// Batch jobs in JupyterLab: "Run as a batch job …" for notebooks, in the file browser, above a
// notebook, in the menu and the palette, and a tab with the form and the list of one's jobs
// (batchpage.js). The server's part is lesesal_notebook/batch/pages.py.

import { _, ready } from "./words.js";

const [RUN, LIST] = ["lesesal:batch-run", "lesesal:batch-list"];

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin(lab) {
  return {
    id: "lesesal:batch",
    description: "Runs notebooks as batch jobs.",
    autoStart: true,
    requires: [lab.IDocumentManager],
    optional: [lab.IFileBrowserFactory, lab.IMainMenu, lab.ICommandPalette],
    activate(app, documents, browsers, menu, palette) {
      // It has no place for a tab.
      if (app.name === "Jupyter Notebook") return;
      const tab = new Tab(lab, app, documents);
      const path = ({ browser }) => (browser ? chosen(browsers) : opened(app, documents));
      app.commands.addCommand(RUN, {
        label: ({ toolbar }) => (toolbar ? _("Batch job") : _("Run as a batch job …")),
        caption: () => _("Run this notebook on the cluster, also when this session has ended"),
        isEnabled: (args) => Boolean(args.toolbar || path(args)),
        execute: async (args) => {
          const found = path(args);
          if (found) await tab.open(found);
        }
      });
      app.commands.addCommand(LIST, {
        label: () => _("Batch jobs"),
        caption: () => _("The notebooks that you have run as batch jobs"),
        execute: () => tab.open("")
      });
      // What is shown already gets its language.
      ready.then(() => app.commands.notifyCommandChanged());
      app.contextMenu.addItem({
        command: RUN,
        args: { browser: true },
        selector: '.jp-DirListing-item[data-file-type="notebook"]',
        rank: 3
      });
      menu?.fileMenu.addGroup([{ command: RUN }, { command: LIST }], 40);
      for (const command of [RUN, LIST]) palette?.addItem({ command, category: "Lesesal" });
      app.docRegistry.addWidgetExtension("Notebook", {
        createNew(panel) {
          const { commands } = app;
          const button = new lab.CommandToolbarButton({ commands, id: RUN, args: { toolbar: true } });
          panel.toolbar.insertItem(11, "lesesal-batch", button);
          return button;
        }
      });
    }
  };
}

// The notebook that was clicked in the file browser; empty for anything else.
function chosen(browsers) {
  const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
  return items.length === 1 && items[0].type === "notebook" ? items[0].path : "";
}

// The notebook that is looked at; empty for anything else.
function opened(app, documents) {
  const widget = app.shell.currentWidget;
  const context = widget && documents.contextForWidget(widget);
  return context?.path.endsWith(".ipynb") ? context.path : "";
}

class Tab {
  constructor(lab, app, documents) {
    Object.assign(this, { lab, app, documents });
    this.widget = null;
    this.page = null;
  }

  /** Show the form for a notebook, or none, and the list. */
  async open(path) {
    const { MainAreaWidget, Widget } = this.lab;
    if (!this.widget || this.widget.isDisposed) {
      const { Page } = await import("./batchpage.js");
      const content = new Widget();
      this.page = new Page(this.lab, this.app, this.documents);
      content.node.append(this.page.node);
      this.widget = new MainAreaWidget({ content });
      this.widget.id = "lesesal-batch";
      this.widget.title.label = _("Batch jobs");
      this.widget.title.closable = true;
      this.widget.disposed.connect(() => this.page.stop());
    }
    if (!this.widget.isAttached) this.app.shell.add(this.widget, "main");
    this.app.shell.activateById(this.widget.id);
    await this.page.show(path);
  }
}

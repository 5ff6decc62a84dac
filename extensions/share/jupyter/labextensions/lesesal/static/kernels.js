// Tells the session's server that a page is open, when JupyterLab has come up: the server then
// imports what kernels need, while the person reads (lesesal_notebook/session/kernels.py).

/**
 * The plugin.
 *
 * @param {object} lab - what it needs of JupyterLab's packages, by name.
 */
export function plugin({ ServerConnection, URLExt }) {
  return {
    id: "lesesal:kernels",
    description: "Lets kernels be made ready while the person reads.",
    autoStart: true,
    activate(app) {
      const settings = app.serviceManager.serverSettings;
      const url = URLExt.join(settings.baseUrl, "lesesal", "kernels");
      app.restored
        .then(() => ServerConnection.makeRequest(url, { method: "POST" }, settings))
        .catch((error) => console.warn("Kernels are not made ready:", error));
    }
  };
}

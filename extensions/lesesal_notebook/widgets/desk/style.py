"""How the desk looks: JupyterLab's colours, and a table that becomes cards where it is narrow."""

STYLE = """<style>
.lesesal-desk { container-type: inline-size; width: 100%; max-width: 64rem; padding: 2px;
  color: var(--jp-ui-font-color1, inherit); overflow: visible; }
.lesesal-desk .widget-html, .lesesal-desk .widget-html-content,
.lesesal-desk .jupyter-widgets { height: auto; min-width: 0; margin: 0; line-height: 1.5; }
.lesesal-desk .widget-html-content { color: inherit; font-size: var(--jp-ui-font-size1, 13px); }
.lesesal-desk .widget-html-content p { margin: 0; }
.lesesal-desk .jupyter-button { width: auto; height: auto; min-height: 28px; margin: 0;
  padding: 2px 12px; line-height: 1.5; white-space: normal; }
.lesesal-desk .jupyter-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 2px; }
.lesesal-desk .lesesal-desk-head, .lesesal-desk .lesesal-desk-session { display: flex;
  flex-flow: row wrap; align-items: center; justify-content: space-between; gap: 6px 16px;
  overflow: visible; margin-bottom: 8px; }
.lesesal-desk .lesesal-desk-session { padding: 8px 12px; border-radius: 4px;
  border: 1px solid var(--jp-border-color2, #8884); }
.lesesal-desk .lesesal-desk-session > :first-child { flex: 1 1 14rem; }
.lesesal-desk h3, .lesesal-desk h4 { margin: 0; font-weight: 600; color: inherit; }
.lesesal-desk h3 { font-size: 1.25em; } .lesesal-desk h4 { font-size: 1em; }
.lesesal-desk dl { display: flex; flex-wrap: wrap; gap: 2px 20px; margin: 0; }
.lesesal-desk dl div { display: flex; gap: 6px; }
.lesesal-desk dl dt, .lesesal-desk dl dd { float: none; width: auto; margin: 0; padding: 0;
  font-weight: 400; overflow-wrap: anywhere; }
.lesesal-desk dl dt { color: var(--jp-ui-font-color2, inherit); white-space: nowrap; }
.lesesal-desk .lesesal-desk-row { display: grid; overflow: visible; gap: 2px 20px;
  grid-template-columns: minmax(12rem, 3fr) minmax(10rem, 2fr) minmax(12rem, auto);
  align-items: start; padding: 8px 12px; border-top: 1px solid var(--jp-border-color2, #8884); }
.lesesal-desk .lesesal-desk-buttons { display: flex; flex-flow: row wrap; gap: 6px;
  justify-content: flex-end; overflow: visible; }
.lesesal-desk .lesesal-desk-result { grid-column: 1 / -1; }
.lesesal-desk .lesesal-desk-small { color: var(--jp-ui-font-color2, inherit); }
.lesesal-desk .lesesal-desk-strong { font-weight: 600; }
.lesesal-desk-said { margin: 6px 0; padding: 6px 10px; border-radius: 4px;
  border: 1px solid var(--jp-border-color2, #8884); border-left: 4px solid
  var(--jp-brand-color1, #1976d2); overflow-wrap: anywhere; }
.lesesal-desk-said.lesesal-mod-problem { border-left-color: var(--jp-error-color1, #b00020); }
.lesesal-desk-said ul { margin: 2px 0 2px 1.2em; padding: 0; }
.lesesal-desk code { background: none; color: inherit; overflow-wrap: anywhere;
  font-size: var(--jp-code-font-size, 13px); }
.lesesal-desk a { color: var(--jp-content-link-color, #1565c0); }
@container (max-width: 46rem) {
  .lesesal-desk .lesesal-desk-row { grid-template-columns: 1fr; margin-bottom: 8px;
    border: 1px solid var(--jp-border-color2, #8884); border-radius: 4px; }
  .lesesal-desk .lesesal-desk-buttons { justify-content: flex-start; margin-top: 4px; }
}
</style>"""

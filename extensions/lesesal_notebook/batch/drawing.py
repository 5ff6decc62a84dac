"""A run as HTML, in the colours of JupyterLab's theme."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ..language import gettext as _
from . import files
from .look import RUNNING, WAITING, Task, View
from .text import cell_line, clock, progress_line, queue_line, shown, span, state_word, title

MOST_ROWS = 50
STYLE = """<style>
.lesesal-batch { container-type: inline-size; width: 100%; max-width: 56rem; padding: 2px;
  color: var(--jp-ui-font-color1, inherit); overflow: visible; }
.lesesal-batch .widget-html, .lesesal-batch .widget-html-content,
.lesesal-batch .jupyter-widgets { height: auto; min-width: 0; margin: 0; line-height: 1.5; }
.lesesal-batch .widget-html-content { color: inherit; width: 100%;
  font-size: var(--jp-ui-font-size1, 13px); }
.lesesal-batch .jupyter-button { width: auto; height: auto; min-height: 28px; margin: 0;
  padding: 2px 12px; line-height: 1.5; }
.lesesal-batch .jupyter-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 2px; }
.lesesal-batch-buttons { display: flex; flex-flow: row wrap; gap: 6px; margin: 6px 0; }
.lesesal-batch-head { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; }
.lesesal-batch h3 { margin: 0; font-size: 1.15em; font-weight: 600; color: inherit; }
.lesesal-batch-quiet { color: var(--jp-ui-font-color2, inherit); overflow-wrap: anywhere; }
.lesesal-batch [data-state]::before { content: "●"; margin-right: .4em;
  color: var(--jp-brand-color1, #1976d2); }
.lesesal-batch [data-state="waiting"]::before { content: "○"; color: inherit; }
.lesesal-batch [data-state="done"]::before { content: "✓";
  color: var(--jp-success-color0, #2e7d32); }
.lesesal-batch [data-state="failed"]::before, .lesesal-batch [data-state="lost"]::before {
  content: "✗"; color: var(--jp-error-color1, #b00020); }
.lesesal-batch [data-state="out of time"]::before, .lesesal-batch [data-state="cancelled"]::before {
  content: "■"; color: var(--jp-warn-color0, #e65100); }
.lesesal-batch-bar { height: 8px; margin: 4px 0; border-radius: 4px; overflow: hidden;
  background: var(--jp-layout-color3, #bdbdbd); }
.lesesal-batch-bar span { display: block; height: 100%;
  background: var(--jp-brand-color1, #1976d2); }
.lesesal-batch pre { margin: 4px 0; padding: 4px 8px; max-height: 10em; overflow: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; color: inherit; line-height: 1.35;
  background: var(--jp-layout-color2, #eee4); font-size: var(--jp-code-font-size, 12px); }
.lesesal-batch-tasks { display: grid; gap: 6px; margin: 6px 0;
  grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
.lesesal-batch-tasks > div { padding: 4px 8px; border-radius: 4px; min-width: 0;
  border: 1px solid var(--jp-border-color2, #8884); overflow-wrap: anywhere; }
.lesesal-batch-scroll { overflow-x: auto; }
.lesesal-batch table { border-collapse: collapse; margin: 6px 0; color: inherit;
  font-variant-numeric: tabular-nums; }
.lesesal-batch th, .lesesal-batch td { padding: 2px 10px; text-align: right;
  border-bottom: 1px solid var(--jp-border-color2, #8884); white-space: nowrap; }
.lesesal-batch a { color: var(--jp-content-link-color, #1565c0); }
.lesesal-batch img { max-width: 100%; background: white; border-radius: 4px; }
</style>"""


def head(view: View, now: float, language: str) -> str:
    """Its name, how it stands, its place in the queue or how far it is."""
    state = (
        f'<span role="status" data-state="{escape(view.state)}">'
        f"{escape(state_word(view.state, language))}</span>"
    )
    about = escape(_about(view, now, language))
    parts = [
        f'<div class="lesesal-batch-head"><h3>{escape(title(view))}</h3>{state}',
        f'<span class="lesesal-batch-quiet">{about}</span></div>',
    ]
    said = [view.sentence, queue_line(view, language) if view.state == WAITING else ""]
    if view.silent:
        said.append(_("The hub does not answer; this is what the run's files say.", language))
    if not view.alive and view.resumable:
        said.append(_("It can be resumed, with what it has put into its checkpoint.", language))
    parts += [f"<div>{escape(line)}</div>" for line in said if line]
    if view.state != WAITING:
        parts.append(_bar(_("Progress", language), view.fraction))
    return "".join(parts)


def _about(view: View, now: float, language: str) -> str:
    begun = [task.started for task in view.tasks if task.started]
    ended = [task.ended for task in view.tasks if task.ended]
    parts = [view.plan.id, str(view.plan.offer or "")]
    parts.append(_("submitted {time}", language, time=clock(view.plan.submitted)))
    if begun and (view.alive or ended):
        last = now if view.alive else max(ended)
        parts.append(_("for {time}", language, time=span(last - min(begun))))
    return " · ".join(part for part in parts if part)


def one(view: View, log: Sequence[str], language: str, *, live: bool) -> str:
    """The only task of a run: its cell, its loop, its log's tail. For `live` see `result_link`."""
    [task] = view.tasks
    told = [cell_line(task, language), progress_line(task, language)]
    told.append(_("on {node}", language, node=task.node) if task.node else "")
    line = " · ".join(part for part in told if part)
    pre = "\n".join(each[:300] for each in log)
    label = escape(_("The last lines that it printed", language), quote=True)
    return (
        (f"<div>{escape(line)}</div>" if line else "")
        + (f'<pre tabindex="0" aria-label="{label}">{escape(pre)}</pre>' if pre else "")
        + (result_link(view, task, language, live=live) if task.has_result else "")
    )


def tasks(view: View, language: str, *, live: bool) -> str:
    """The tasks of a sweep, each with how far it is. For `live` see `result_link`."""
    cards = "".join(_card(view, task, language, live) for task in view.tasks)
    return f'<div class="lesesal-batch-tasks" role="list">{cards}</div>'


def _card(view: View, task: Task, language: str, live: bool) -> str:
    values = ", ".join(
        f"{name} {shown((task.parameters or {}).get(name))}" for name in view.plan.grid
    )
    told = [cell_line(task, language), progress_line(task, language)]
    line = " · ".join(part for part in told if part) if task.alive else task.sentence
    return (
        f'<div role="listitem"><span data-state="{escape(task.state)}">{task.number}: '
        f"{escape(state_word(task.state, language))}</span>"
        f"<div>{escape(values)}</div>"
        + (_bar(values, task.fraction) if task.state == RUNNING else "")
        + (f'<div class="lesesal-batch-quiet">{escape(line)}</div>' if line else "")
        + (result_link(view, task, language, live=live) if task.has_result else "")
        + "</div>"
    )


def results(rows: Sequence[Mapping[str, Any]], language: str) -> str:
    """The table of what the tasks recorded, the first `MOST_ROWS`."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{escape(_cell(name, row, language))}</td>" for name in names)
        + "</tr>"
        for row in rows[:MOST_ROWS]
    )
    more = len(rows) - MOST_ROWS
    note = _("… and {count} more: run.results() has all of them.", language, count=more)
    return (
        f'<div class="lesesal-batch-scroll" tabindex="0"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
        + (f'<div class="lesesal-batch-quiet">{escape(note)}</div>' if more > 0 else "")
    )


def _cell(name: str, row: Mapping[str, Any], language: str) -> str:
    if name not in row:  # nothing recorded yet
        return ""
    return state_word(str(row[name]), language) if name == "state" else shown(row[name])


def result_link(view: View, task: Task, language: str, *, live: bool) -> str:
    """A link that opens a task's notebook in JupyterLab.

    In a widget (`live`) links are the browser's; in a notebook's HTML, JupyterLab takes paths from
    the session's root on.
    """
    path = files.task_folder(files.folder_of(view.plan.id), task.number) / files.RESULT
    if not path.is_relative_to(Path.home()):
        return ""
    relative = path.relative_to(Path.home()).as_posix()
    prefix = f"{os.environ.get('JUPYTERHUB_SERVICE_PREFIX', '/')}lab/tree/" if live else "/"
    where = json.dumps({"path": relative})
    return (
        f'<a href="{escape(prefix)}{escape(relative)}" target="_blank" rel="noopener" '
        f'data-commandlinker-command="docmanager:open" '
        f'data-commandlinker-args="{escape(where)}">'
        f"{escape(_('Open the notebook', language))}</a>"
    )


def _bar(name: str, fraction: float) -> str:
    percent = round(100 * fraction)
    return (
        f'<div class="lesesal-batch-bar" role="progressbar" aria-label="{escape(name)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}">'
        f'<span style="width: {percent}%"></span></div>'
    )

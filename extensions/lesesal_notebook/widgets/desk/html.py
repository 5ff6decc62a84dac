"""What the desk's widget shows, as HTML. Whatever comes from elsewhere is escaped here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from urllib.parse import quote

from . import words
from .values import Entry, Problem, Receipt, Session, Validation
from .words import _

SHOWN = 5


def moment(when: datetime) -> str:
    """A time; JupyterLab's part of Lesesal puts it on the reader's own clock (desk.js)."""
    text = escape(words.when(when))
    return f'<time class="lesesal-Time" datetime="{when.isoformat()}">{text}</time>'


def said(text: str, problem: bool = False) -> str:
    """A sentence that is shown, and read out, when it appears; the text is HTML."""
    kind = " lesesal-mod-problem" if problem else ""
    return f'<div class="lesesal-desk-said{kind}" role="status">{text}</div>'


def paragraph(text: str, kind: str = "") -> str:
    """Text, of a class of `style`."""
    named = f' class="{kind}"' if kind else ""
    return f"<p{named}>{escape(text)}</p>"


def head(title: str) -> str:
    """The course's name."""
    return f"<h3>{escape(title)}</h3>"


def session(found: Session) -> str:
    """What the session was given."""
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in words.allotted(found)
    )
    label = _("This session")
    return f'<dl aria-label="{escape(label)}">{rows}</dl>'


def left(found: timedelta | None) -> str:
    """The time that is left."""
    if found is None:
        return ""
    text = escape(_("{time} left", time=words.how_long(found)))
    soon = ' class="lesesal-desk-strong"' if found <= timedelta(minutes=5) else ""
    return f"<span{soon}>{text}</span>"


def about(entry: Entry) -> str:
    """An assignment's name, deadline and notebooks."""
    name = f' <span class="lesesal-desk-small">{escape(entry.name)}</span>'
    title = escape(entry.title) + (name if entry.title != entry.name else "")
    # What is open of it is saved before it is handed in (desk.js).
    folder = escape(_from_home(entry.folder))
    parts = [f'<h4 data-folder="{folder}">{title}</h4>']
    if entry.due:
        due = _("Due {time}, {distance}")
        text = escape(due).format(time=moment(entry.due), distance=words.distance(entry.due))
        parts.append(f"<p>{text}</p>")
    else:
        parts.append(paragraph(_("No deadline")))
    if more := " · ".join(words.rules(entry)):
        parts.append(paragraph(more, "lesesal-desk-small"))
    return "".join(parts)


def state(entry: Entry) -> str:
    """How far the person is."""
    late = entry.submitted and not words.in_time(entry.on_time, entry.due)
    kind = "lesesal-desk-strong" if late and not entry.feedback else ""
    parts = [paragraph(words.state(entry), kind)]
    if entry.submitted:
        kept = words.deadline_kept(entry.on_time, entry.due)
        parts.append(
            f'<p class="lesesal-desk-small">{moment(entry.submitted)}'
            f"{', ' + escape(kept) if kept else ''}</p>"
        )
    if entry.check:
        parts.append(paragraph(words.check(entry.check)))
    if not entry.open:
        parts.append(paragraph(_("It is not released any more.")))
    if entry.saved and entry.submitted and entry.saved > entry.submitted:
        parts.append(paragraph(_("Changed since it was handed in.")))
    pages = entry.feedback.pages if entry.feedback and entry.feedback.fetched else ()
    parts += [links(_("Open"), entry.notebooks), links(_("Read"), pages)]
    return "".join(parts)


def links(text: str, paths: Iterable[Path]) -> str:
    """Files of this home, to be opened in JupyterLab."""
    base = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/").rstrip("/")
    made = []
    for path in paths:
        if name := _from_home(path):
            made.append(
                f'<a class="lesesal-Open" data-path="{escape(name)}" target="_blank"'
                f' href="{escape(base)}/lab/tree/{quote(name)}">{escape(path.name)}</a>'
            )
    return f"<p>{escape(text)}: {', '.join(made)}</p>" if made else ""


def _from_home(path: Path) -> str:
    """As JupyterLab names a file; empty where it does not show it."""
    return path.relative_to(Path.home()).as_posix() if path.is_relative_to(Path.home()) else ""


def receipt(given: Receipt) -> str:
    """What proves that it was handed in."""
    kept = words.deadline_kept(given.on_time, given.due)
    again = _("The same files were handed in before; this is their receipt.")
    name, print_, number = _("Receipt"), _("Fingerprint (SHA-256)"), _("Number")
    lines = [
        f"<b>{escape(name)}</b> {moment(given.received)}"
        + (f" · <b>{escape(kept)}</b>" if kept else ""),
        f"{escape(print_)}: <code>{escape(given.content)}</code>",
        f"{escape(number)}: <code>{escape(given.id)}</code>",
        *([escape(again)] if given.again else []),
        *[escape(note).replace("\n", "<br>") for note in given.notes],
    ]
    return "".join(f"<p>{line}</p>" for line in lines)


def validations(found: Iterable[Validation]) -> str:
    """What the visible tests say, by notebook."""
    return "".join(_validation(one) for one in found)


def _validation(one: Validation) -> str:
    text = escape(words.validated(one))
    problems = [_problem(each) for each in one.failed[:SHOWN]]
    problems += [f"<li><code>{escape(each)}</code></li>" for each in one.changed[:SHOWN]]
    if len(one.failed) + len(one.changed) > len(problems):
        problems.append("<li>…</li>")
    items = f"<ul>{''.join(problems)}</ul>" if problems else ""
    return f"<p>{'✓' if one.passed else '✗'} <b>{escape(one.notebook)}</b>: {text}</p>{items}"


def _problem(one: Problem) -> str:
    return f"<li><code>{escape(one.source)}</code><br>{escape(one.error)}</li>"

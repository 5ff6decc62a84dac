"""A rehearsal's report: one page that needs nothing else, the plot, and all figures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import jinja2
from markupsafe import Markup

from courses.rehearsal import (
    Percentiles,
    Rehearsal,
    by_step,
    causes,
    to_the_notebook,
    verdict,
)
from courses.site.plot import svg

READY = "from coming to the notebook"
_HERE = Path(__file__).parent


def write(folder: Path, rehearsal: Rehearsal) -> Path:
    """Write ``report.html``, ``report.svg`` and ``report.json`` into a new folder below this one,
    named by when the rehearsal began; returns it."""
    place = folder / f"{rehearsal.started.astimezone():%Y-%m-%dT%H%M%S}"
    place.mkdir(mode=0o700, parents=True)
    plot = svg(rehearsal)
    (place / "report.svg").write_text(plot, encoding="utf-8")
    (place / "report.json").write_text(json.dumps(as_json(rehearsal), indent=1), encoding="utf-8")
    (place / "report.html").write_text(as_html(rehearsal, plot), encoding="utf-8")
    return place


def as_json(rehearsal: Rehearsal) -> dict[str, object]:
    """All that is known of it; times in seconds."""
    found = verdict(rehearsal)
    ready = to_the_notebook(rehearsal)
    return {
        **asdict(rehearsal.plan),
        "started": rehearsal.started.isoformat(timespec="seconds"),
        "good": found.good,
        "verdict": found.sentences,
        "ready": asdict(ready) if ready else None,
        "steps": {step: asdict(numbers) for step, numbers in by_step(rehearsal).items()},
        "causes": [asdict(each) for each in causes(rehearsal.attempts)],
        "attempts": [asdict(each) for each in rehearsal.attempts],
    }


def as_text(rehearsal: Rehearsal) -> str:
    """The percentiles as a table, then what failed."""
    lines = [f"{'seconds':<28} {'students':>8} {'half':>7} {'90 %':>7} {'95 %':>7} {'last':>7}"]
    for words, numbers in _rows(rehearsal):
        figures = (numbers.p50, numbers.p90, numbers.p95, numbers.most)
        row = " ".join(f"{figure:>7.1f}" for figure in figures)
        lines.append(f"{words:<28} {numbers.count:>8} {row}")
    lines += [
        f"\n{each.count} failed to {each.step}: {each.sentence}"
        for each in causes(rehearsal.attempts)
    ]
    return "\n".join(lines)


def as_html(rehearsal: Rehearsal, plot: str) -> str:
    """The page, with the plot in it."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html").render(
        plan=rehearsal.plan,
        started=rehearsal.started.astimezone(),
        verdict=verdict(rehearsal),
        rows=_rows(rehearsal),
        causes=causes(rehearsal.attempts),
        failed=sum(any(each.cause for each in way.outcomes) for way in rehearsal.attempts),
        plot=Markup(plot),  # noqa: S704 - ours; its words are escaped by matplotlib
    )


def _rows(rehearsal: Rehearsal) -> list[tuple[str, Percentiles]]:
    ready = to_the_notebook(rehearsal)
    rows = [(READY, ready)] if ready else []
    return [*rows, *((str(step), numbers) for step, numbers in by_step(rehearsal).items())]

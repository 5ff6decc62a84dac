"""``lesesal-batch …``: batch jobs from a terminal of the session."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..language import latest
from .errors import BatchError, NotebookError
from .run import Run, get, runs, submit
from .tagged import Parameter, inspect, read_notebook
from .text import clock, lines, queue_line, state_word, title
from .words import _

# Seconds between two looks of `show --follow`.
LOOK = 2.0


class _Sentences(click.Group):
    """Ends with a sentence instead of a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """See click."""
        try:
            return super().invoke(context)
        except BatchError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Sentences)
def main() -> None:
    """Run notebooks as batch jobs, and look after them."""


@main.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("-p", "given", nargs=2, multiple=True, metavar="NAME VALUE", help="A parameter.")
@click.option(
    "--grid", multiple=True, metavar="NAME=A,B", help="Values of a sweep; may be repeated."
)
@click.option("--offer", help="The name of an offer; without, the course's first one.")
@click.option("--hours", type=float, help="How long at most; without, the offer's own time.")
@click.option("--name", default="", help="A title for the list of runs.")
@click.option("--follow", is_flag=True, help="Show how it goes until it has ended.")
def run(
    notebook: Path,
    given: Sequence[tuple[str, str]],
    grid: Sequence[str],
    offer: str | None,
    hours: float | None,
    name: str,
    follow: bool,
) -> None:
    """Run NOTEBOOK as a batch job.

    Example: lesesal-batch run train.ipynb -p epochs 10 --grid lr=0.1,0.01 --hours 2
    """
    known = {each.name: each for each in inspect(read_notebook(notebook.absolute()))}
    values = {key: _parse(known.get(key), text) for key, text in given}
    sweep = {}
    for each in grid:
        key, equals, texts = each.partition("=")
        if not equals or not texts:
            wrong = _("--grid {given} should be NAME=VALUE,VALUE, such as lr=0.1,0.01.", given=each)
            raise NotebookError(wrong)
        sweep[key] = [_parse(known.get(key), text) for text in texts.split(",")]
    started = submit(notebook, values, sweep, offer, hours, name)
    click.echo(started.id)
    if follow:
        _follow(started)


@main.command("list")
@click.option("--all", "everything", is_flag=True, help="All of them, not just the latest 20.")
def list_(everything: bool) -> None:
    """List the runs, the latest first."""
    found = runs() if everything else runs()[:20]
    if not found:
        click.echo(_("There are no batch runs yet. Start one: lesesal-batch run NOTEBOOK"))
    width = max((len(each.id) for each in found), default=0)
    for each in found:
        view = each.look()
        told = queue_line(view, latest()) if view.state == "waiting" else f"{view.fraction:.0%}"
        state = state_word(view.state, latest())
        when = clock(view.plan.submitted)
        click.echo(f"{each.id:<{width}}  {state:<14}{told:<22}{when}  {title(view)}")


@main.command()
@click.argument("run_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Until it has ended; Ctrl-C ends the looking only.")
def show(run_id: str, follow: bool) -> None:
    """Show how a run stands."""
    found = get(run_id)
    if follow:
        _follow(found)
    else:
        click.echo(str(found))


@main.command()
@click.argument("run_id", metavar="ID")
def cancel(run_id: str) -> None:
    """End a run; what it has done so far is kept."""
    found = get(run_id)
    if not found.look().alive:
        click.echo(_("{run} has ended already.", run=run_id))
        return
    found.cancel()
    click.echo(_("{run} is being ended.", run=run_id))


@main.command()
@click.argument("run_id", metavar="ID")
def resume(run_id: str) -> None:
    """Start what did not end well again, with its checkpoints."""
    click.echo(get(run_id).resume().id)


@main.command()
@click.argument("run_id", metavar="ID")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
def results(run_id: str, as_csv: bool) -> None:
    """Print what the tasks recorded, a line for each."""
    rows = get(run_id).results()
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    if as_csv:
        csv.writer(sys.stdout).writerows(table)
        return
    widths = [max(len(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _parse(parameter: Parameter | None, text: str) -> Any:
    """A typed value; of a parameter that is not there the notebook's check says so."""
    return text if parameter is None else parameter.parse(text)


def _follow(found: Run) -> None:
    """Print how it stands, anew when it has changed; over itself in a terminal."""
    before = ""
    while True:
        # One look for both: of what ended between two, the end would not be shown.
        view = found.look()
        text = "\n".join(lines(view, latest()))
        if text != before:
            if before and sys.stdout.isatty():
                click.echo(f"\x1b[{before.count(chr(10)) + 1}A\x1b[J", nl=False)
            click.echo(text)
            before = text
        if not view.alive:
            return
        time.sleep(LOOK)

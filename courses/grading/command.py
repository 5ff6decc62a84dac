"""``lesesal grade``: an assignment of a course directory, graded at the terminal."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import click
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from courses.errors import CourseError
from courses.grades import Progress, State
from courses.grading.report import Graded, Report, graded_json, progress_json, report_json
from courses.grading.words import sentence, state_word
from courses.language import gettext as _
from courses.workers import Workers

MB = 1_000_000
LOCAL = "local"
SECONDS_BETWEEN = 0.3


def grade(
    directory: Annotated[Path, typer.Argument(help="nbgrader's course directory.")],
    assignment: Annotated[str, typer.Argument(help="The assignment's name.")],
    students: Annotated[
        str, typer.Option(help="Only these, with commas between: student1,student2")
    ] = "",
    workers: Annotated[
        int, typer.Option(min=0, help="Notebooks at a time; 0 for one a core, on a cluster 32.")
    ] = 0,
    cluster: Annotated[
        str, typer.Option(help="Where: local, or a cluster that the hub's configuration names.")
    ] = "local",
    offer: Annotated[
        str, typer.Option(help="On a cluster: the offer that says what a task gets.")
    ] = "",
    shared: Annotated[
        Path | None,
        typer.Option(help="On a cluster: a folder that its nodes see, for the run's files."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The hub's configuration, if not the checkout's jupyterhub_config.py."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also what is graded and has not changed.")
    ] = False,
    python: Annotated[
        Path | None,
        typer.Option(help="The interpreter with lesesal_notebook, if not the session side's."),
    ] = None,
    preload: Annotated[str, typer.Option(help="Modules to import once for all: numpy,torch")] = "",
    gpus: Annotated[int, typer.Option(min=0, help="GPUs that each notebook sees.")] = 0,
    seconds: Annotated[
        float | None, typer.Option(help="The most that a notebook may take.")
    ] = None,
    cell_seconds: Annotated[
        float | None,
        typer.Option(help="The most that a cell may take; else nbgrader's Execute.timeout."),
    ] = None,
    memory_mb: Annotated[
        int | None, typer.Option(min=1, help="The most memory of a notebook, files included.")
    ] = None,
    json_report: Annotated[
        Path | None, typer.Option("--json", help="Write the report there, as JSON.")
    ] = None,
    progress_lines: Annotated[
        bool, typer.Option("--progress-json", help="Print a JSON object a line meanwhile.")
    ] = False,
) -> None:
    """Grade the submissions that are new: many at a time, each shut in, none of them believed.

    Interrupted, the same command goes on where it stopped.
    """
    # nbgrader, which takes seconds to import.
    from courses.grading import engine

    signal.signal(signal.SIGTERM, _stop)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    show: _Lines | _Terminal = _Lines() if progress_lines else _Terminal()
    given = {
        "seconds": seconds,
        "cell_seconds": cell_seconds,
        "memory_bytes": memory_mb and memory_mb * MB,
    }
    try:
        with show:
            report = engine.grade(
                directory,
                assignment,
                workers=_crew(cluster, workers, python or session_python(), offer, config),
                students=[name for name in students.split(",") if name] or None,
                force=force,
                settings=engine.Settings(
                    limits={name: value for name, value in given.items() if value is not None},
                    preload=tuple(name for name in preload.split(",") if name),
                    gpus=gpus,
                    folder=shared and shared / f"{directory.resolve().name}-{assignment}",
                ),
                on_progress=show.progress,
                on_outcome=show.outcome,
            )
    except CourseError as error:
        if not progress_lines:
            raise
        _print({"event": "error", "says": str(error)})
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo(_("Stopped. The same command goes on from here."), err=True)
        sys.exit(130)
    if json_report:
        text = json.dumps(report_json(report), indent=1) + "\n"
        json_report.write_text(text, encoding="utf-8")
    show.end(report)
    sys.exit(1 if any(each.outcome.state is State.RETRY for each in report.submissions) else 0)


def session_python() -> Path:
    """The session side's interpreter: in an environment inside this one."""
    return Path(sys.prefix, "session", "bin", "python")


def _crew(cluster: str, workers: int, python: Path, offer: str, config: Path | None) -> Workers:
    if cluster == LOCAL:
        from courses.workers.local import LocalWorkers

        return LocalWorkers(python, workers or os.cpu_count() or 1)
    from courses.machine import serve
    from courses.workers.named import on_cluster

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    return on_cluster(
        *(config or serve.HUB_CONFIG, cluster, offer),
        python=python,
        say=say,
        workers=workers,
    )


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _print(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class _Lines:
    """JSON for a program."""

    def __init__(self) -> None:
        self._last = 0.0

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None: ...

    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN or progress.done == progress.total:
            self._last = now
            _print(progress_json(progress))

    def outcome(self, graded: Graded) -> None:
        _print({"event": "outcome", **graded_json(graded)})

    def end(self, report: Report) -> None:
        _print({"event": "end", "seconds": round(report.seconds, 3)})


class _Terminal:
    """A bar for people, or a line now and then where nobody watches."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(_("Grading"), total=None, pace="")
        self._live = sys.stderr.isatty()
        self._said = 0

    def __enter__(self) -> _Terminal:
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._bar.stop()

    def progress(self, progress: Progress) -> None:
        pace = _("{running} running, {pace} a second").format(
            running=progress.running, pace=f"{progress.per_second:.1f}"
        )
        if self._live:
            self._bar.update(self._task, total=progress.total, completed=progress.done, pace=pace)
        elif progress.total and progress.done * 10 // progress.total > self._said:
            self._said = progress.done * 10 // progress.total
            click.echo(f"{progress.done}/{progress.total}, {pace}", err=True)

    def outcome(self, graded: Graded) -> None:
        """It is told at the end."""

    def end(self, report: Report) -> None:
        """One sentence for each that did not simply go well, and the sum."""
        for graded in report.to_look_at:
            outcome = graded.outcome
            reasons = map(sentence, (outcome.reason, *outcome.evidence))
            says = " ".join(dict.fromkeys(reasons))
            click.echo(f"{outcome.student}: {state_word(outcome.state)}. {says}")
        for graded in report.submissions:
            for note in graded.notes if graded.new else ():
                click.echo(f"{graded.outcome.student}: {note}")
        new = sum(graded.new for graded in report.submissions)
        if not new:
            click.echo(_("Nothing is new. Add --force to grade everything again."))
            return
        click.echo(_("{count} graded in {seconds} s.", count=new, seconds=f"{report.seconds:.1f}"))

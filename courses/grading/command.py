"""``lesesal grade``: an assignment of a course directory, graded at the terminal."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import click
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from courses.errors import CourseError, SetupError, WorkersError
from courses.grades import Progress, State
from courses.grading import imports
from courses.grading.report import Graded, Report, graded_json, progress_json, report_json
from courses.grading.words import about_tests, sentence, state_word
from courses.language import gettext as _
from courses.workers import Workers
from courses.workers.local import LocalWorkers

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
        int,
        typer.Option(min=0, help="Notebooks at a time; 0 for two on each core, on a cluster 32."),
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
    accounts: Annotated[
        str,
        typer.Option(
            help="On a cluster without user namespaces: Unix accounts that execute, "
            "with commas between, one submission each at a time."
        ),
    ] = "",
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
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COURSE/NAME=PATH",
            help="A dataset that notebooks find in ~/datasets/COURSE/NAME, read-only.",
        ),
    ] = None,
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
    again: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="TIMES",
            help="Record nothing: run everything so many times, and say which tests differ.",
        ),
    ] = 0,
    sample: Annotated[
        int, typer.Option(min=0, help="With --again: of so many people, from all over the class.")
    ] = 0,
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
    modules = tuple(name for name in preload.split(",") if name)
    ahead = ExitStack()
    local = None
    if cluster == LOCAL:
        # Before all else: it imports while this process does.
        local = LocalWorkers(interpreter(python), workers or default_workers())
        ahead.enter_context(local.begun(modules))
    with imports.spared():
        # nbgrader, which takes its time.
        from courses.grading import engine

    signal.signal(signal.SIGTERM, _stop)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    show: _Lines | _Terminal = _Lines() if progress_lines else _Terminal(again=again > 0)
    given = {
        "seconds": seconds,
        "cell_seconds": cell_seconds,
        "memory_bytes": memory_mb and memory_mb * MB,
    }
    try:
        with ahead, show:
            report = engine.grade(
                directory,
                assignment,
                workers=_crew(
                    *(local, cluster, workers, interpreter(python), offer, config),
                    *(_accounts(accounts, cluster, shared), show.says),
                ),
                students=[name for name in students.split(",") if name] or None,
                force=force,
                again=engine.Again(again, sample or None) if again else None,
                settings=engine.Settings(
                    limits={name: value for name, value in given.items() if value is not None},
                    preload=modules,
                    datasets=tuple(_dataset(each, cluster) for each in dataset or ()),
                    gpus=gpus,
                    sandbox="job" if accounts else "namespaces",
                    folder=shared and shared / _called(directory, assignment, again),
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


def _called(directory: Path, assignment: str, again: int) -> str:
    return f"{directory.resolve().name}-{assignment}{'-again' if again else ''}"


def _dataset(given: str, cluster: str) -> dict[str, str]:
    name, _equals, source = given.partition("=")
    if not source:
        raise SetupError(
            _("--dataset {given} names no path. Write it as COURSE/NAME=PATH.", given=given)
        )
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise SetupError(_("{name} can be no place below ~/datasets.", name=name))
    if cluster == LOCAL and not Path(source).exists():
        raise SetupError(_("The dataset {source} is not on this machine.", source=source))
    return {"source": str(Path(source).resolve()), "target": f"datasets/{name}"}


def interpreter(wanted: Path | None = None) -> Path:
    """Of the environment that executes, absolute; by default the one inside this environment."""
    # Links are not followed: an environment's interpreter is one.
    return (wanted or Path(sys.prefix, "session", "bin", "python")).absolute()


def default_workers() -> int:
    """How many notebooks at a time on this machine.

    More than cores: starting and ending a kernel waits nearly as long as it computes.
    """
    return 2 * len(os.sched_getaffinity(0))


def _accounts(given: str, cluster: str, shared: Path | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    if names and (cluster == LOCAL or shared is None):
        raise WorkersError(
            _(
                "Other accounts execute on a Slurm cluster only, and need a folder that they can "
                "enter. Name both: --cluster NAME --shared FOLDER"
            )
        )
    return names


def _crew(
    local: LocalWorkers | None,
    cluster: str,
    workers: int,
    python: Path,
    offer: str,
    config: Path | None,
    accounts: tuple[str, ...],
    say: Callable[[str], None],
) -> Workers:
    if local is not None:
        return local
    from courses.machine import serve
    from courses.workers.named import on_cluster

    return on_cluster(
        *(config or serve.HUB_CONFIG, cluster, offer),
        python=python,
        say=say,
        workers=workers,
        accounts=accounts,
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

    def says(self, sentence: str) -> None:
        _print({"event": "says", "says": sentence})

    def end(self, report: Report) -> None:
        _print({"event": "end", "seconds": round(report.seconds, 3)})


class _Terminal:
    """A bar for people, or a line now and then where nobody watches."""

    def __init__(self, *, again: bool) -> None:
        self._again = again
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

    def says(self, sentence: str) -> None:
        """What the cluster does with the run, above the bar."""
        self._bar.console.print(sentence, markup=False, highlight=False, soft_wrap=True)

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
        for each in about_tests(report.tests, report.cell_seconds):
            click.echo(each)
        new = sum(graded.new for graded in report.submissions)
        if not new:
            click.echo(_("Nothing is new. Add --force to grade everything again."))
            return
        if self._again:
            says = _("Run again: {count}, in {seconds} s. Nothing was recorded.")
            click.echo(says.format(count=new, seconds=f"{report.seconds:.1f}"))
            return
        click.echo(_("{count} graded in {seconds} s.", count=new, seconds=f"{report.seconds:.1f}"))

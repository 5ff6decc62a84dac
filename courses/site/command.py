"""``lesesal rehearse``: a class without people, the evening before."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import click
import typer

from courses.errors import SetupError
from courses.rehearsal import MOST_STUDENTS

if TYPE_CHECKING:
    from courses.rehearsal import Plan, Rehearsal
    from courses.store import Store

TOKEN = "LESESAL_REHEARSAL_TOKEN"  # noqa: S105 - a variable's name
_INTERRUPTED = 130
T = TypeVar("T")


def rehearse(
    course: Annotated[str, typer.Option(help="The course's slug.")] = "",
    students: Annotated[
        int, typer.Option(min=1, max=MOST_STUDENTS, help="How many synthetic students come.")
    ] = 100,
    within: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds over which they come, evenly.")
    ] = 10.0,
    patience: Annotated[
        float,
        typer.Option(min=1, max=3600, help="Seconds that each may take to be in the notebook."),
    ] = 300.0,
    offer: Annotated[
        str, typer.Option(help="The kind of session; the course's first by default.")
    ] = "",
    assignment: Annotated[
        str, typer.Option(help="What they hand in; the first that takes work by default.")
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            envvar="LESESAL_URL",
            help="The site's address, as people type it; http://127.0.0.1:$PORT by default.",
        ),
    ] = "",
    token_file: Annotated[
        Path | None,
        typer.Option(
            help=f"The file with the rehearsal's token, unless ${TOKEN} has it; rehearsal-token "
            "in the state folder by default."
        ),
    ] = None,
    home: Annotated[
        Path,
        typer.Option("--home", envvar="LESESAL_HOME", help="The classroom's state folder."),
    ] = Path("var"),
    yes: Annotated[bool, typer.Option("--yes", help="Also beside a live class.")] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Only remove what an interrupted rehearsal left.")
    ] = False,
) -> None:
    """Rehearse a class: synthetic students log in, start, run a cell, submit, stop.

    A report is left in the state folder's rehearsals/. The exit status is 0 when the class can
    come, else 1. All that is synthetic is removed afterwards.
    """
    from courses.site import people
    from courses.store import Store

    if not home.is_dir():
        raise SetupError(f"There is no classroom in {home}. Give its folder with --home.")
    token = _token(token_file or home / "rehearsal-token")
    url = url or f"http://127.0.0.1:{os.environ.get('PORT', '8000')}"
    store = Store.of_home(home)
    try:
        with people.alone(home):
            if clean:
                _clean(store, url, token)
                return
            plan = _plan(store, course, students, offer, assignment, within, patience)
            rehearsal = _rehearse(store, plan, url, token, yes=yes)
    finally:
        store.close()
    sys.exit(0 if _report(home, rehearsal) else 1)


def _plan(
    store: Store,
    course: str,
    students: int,
    offer: str,
    assignment: str,
    within: float,
    patience: float,
) -> Plan:
    from courses.errors import NotFound
    from courses.rehearsal import Plan
    from courses.site import people

    known = {each.slug: each for each in people.all_courses(store)}
    if course not in known:
        said = f"There is no course {course!r}." if course else "Name the course with --course."
        raise NotFound(f"{said} This classroom has: {', '.join(sorted(known)) or 'none'}.")
    if offer and offer not in known[course].offers:
        offers = ", ".join(known[course].offers)
        raise NotFound(f"{course} does not offer {offer!r}. Choose one of: {offers}.")
    handed_in, why_not = people.handed_in(store, course, assignment)
    return Plan(course, students, offer, handed_in, why_not, within, patience)


def _rehearse(store: Store, plan: Plan, url: str, token: str, *, yes: bool) -> Rehearsal:
    from courses.site import wave
    from courses.site.display import Display

    async def shown() -> Rehearsal:
        with Display(plan) as display:
            return await wave.rehearse(
                store, plan, url, token, yes=yes, say=display.say, tell=display.tell
            )

    return _until_interrupted(shown())


def _clean(store: Store, url: str, token: str) -> None:
    from courses.site import wave

    count = _until_interrupted(wave.clean(store, url, token, click.echo))
    click.echo(f"{count} synthetic students were left; none is now." if count else "None is left.")


def _report(home: Path, rehearsal: Rehearsal) -> bool:
    """Write the report, and say what it says; whether the class can come."""
    from courses.rehearsal import verdict
    from courses.site import report

    folder = report.write(home / "rehearsals", rehearsal)
    found = verdict(rehearsal)
    click.echo("\n" + report.as_text(rehearsal))
    click.secho("\n".join(found.sentences), fg="green" if found.good else "red")
    click.echo(f"\nThe report: {folder / 'report.html'}")
    return found.good


def _until_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """Run it; Ctrl-C and the service manager's signals end it, and it takes away what it made."""

    signals = []

    async def with_signals() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()

        def interrupt(number: int) -> None:
            signals.append(number)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, interrupt, number)
        return await task

    try:
        return asyncio.run(with_signals())
    except asyncio.CancelledError:
        # A second signal cuts the taking away short.
        left = "run lesesal rehearse --clean to remove what is left"
        done = "the synthetic students are removed" if len(signals) == 1 else left
        click.echo(f"Interrupted; {done}.", err=True)
        sys.exit(_INTERRUPTED)


def _token(path: Path) -> str:
    """The token of the hub's service; never an argument, which others can see."""
    if token := os.environ.get(TOKEN, "").strip():
        return token
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SetupError(f"{path} has a token and may be read by others. Run: chmod 600 {path}")
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SetupError(
            f"The rehearsal's token cannot be read from {path}: {error.strerror}. The hub's "
            f"configuration names it (docs/operators.md); else put it into ${TOKEN}."
        ) from error

"""``lesesal``: what operators and instructors do on the hub's machine."""

from __future__ import annotations

import errno
import getpass
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import click
import typer

from courses import names
from courses.backup.command import backup, restore
from courses.course import Course, Enrolment, Role
from courses.environments.commands import EnvironmentsFolder, root_of
from courses.environments.commands import app as environments_app
from courses.errors import CourseError, NoSpace, SetupError
from courses.grading.command import grade
from courses.proofs.commands import receipt_app, store_app
from courses.site.command import rehearse
from courses.terminal.data import data_app
from courses.terminal.people import apply_roster, guests_app
from courses.terminal.person import person_app

app = typer.Typer(
    name="lesesal",
    help="A reading room with GPUs: courses, their people, and the classroom.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
course_app = typer.Typer(help="Check a course's folder; bring it in.", no_args_is_help=True)
app.add_typer(course_app, name="course")
app.add_typer(data_app, name="data")
app.add_typer(environments_app, name="env")
app.add_typer(receipt_app, name="receipt")
app.add_typer(store_app, name="store")
app.add_typer(guests_app, name="guests")
app.add_typer(person_app, name="person")
app.command("roster")(apply_roster)
app.command("grade")(grade)
app.command("rehearse")(rehearse)
app.command("backup")(backup)
app.command("restore")(restore)

Home = Annotated[
    Path,
    typer.Option("--home", envvar="LESESAL_HOME", help="The classroom's state folder."),
]
Folder = Annotated[Path, typer.Argument(help="The folder with course.toml and source/ in it.")]
STATE_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "cyan"}


def main() -> None:
    """The entry point: an error is a sentence on standard error and exit status 1."""
    try:
        app()
    except CourseError as error:
        _fail(str(error))
    except _database_errors() as error:
        _fail(f"The classroom's database cannot be used: {getattr(error, 'orig', None) or error}.")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _fail(str(NoSpace()))
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}.")


def _database_errors() -> type[Exception]:
    # Asked for once something went wrong: SQLAlchemy's import is half of the command's start.
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        click.echo(f"lesesal {version('lesesal')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options of the command itself."""


@course_app.command("check")
def check(
    folder: Folder,
    times: Annotated[
        int,
        typer.Option(
            "--run",
            min=0,
            metavar="TIMES",
            help="Also run the solutions so many times, shut in as for grading.",
        ),
    ] = 0,
    python: Annotated[
        Path | None,
        typer.Option(help="With --run: the interpreter that executes, as for lesesal grade."),
    ] = None,
) -> None:
    """Say what is wrong with a course's folder (file, line, field), or sum it up.

    Tests that can be fooled, or that test nothing, are told as warnings; with --run, those too that
    fail on the solution, give it other points another time, or are slow.
    """
    from courses import catalogue
    from courses.catalogue.lint import lint

    course = catalogue.load(folder)
    click.echo(summary(course))
    for warning in lint(folder, course):
        click.echo(f"warning: {warning}")
    if times:
        from courses.coursedir.solutions import run_solutions
        from courses.grading.command import interpreter
        from courses.workers.local import LocalWorkers

        workers = LocalWorkers(interpreter(python), 1)
        for warning in run_solutions(folder, course, workers, times):
            click.echo(f"warning: {warning}")


@course_app.command("sync")
def sync_course(
    folder: Folder,
    home: Home = Path("var"),
    release: Annotated[
        bool, typer.Option("--release", help="Also release its assignments to the students.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Generate again even if nothing changed.")
    ] = False,
    pull: Annotated[
        bool, typer.Option("--pull", help="First bring the folder to what its git remote has.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Say what would change, and bring a course in or up to date. Submissions are never touched."""
    from courses import git
    from courses.coursedir.sync import compare, sync
    from courses.machine.home import prepare
    from courses.store import Store

    prepare(home)
    store = Store.of_home(home)
    if pull and not git.pull(folder):
        raise SetupError(f"{folder} has no git remote to pull from. Leave --pull out.")
    found = compare(store, folder)
    slug = found.course.slug
    for change in found.changes or (f"{slug}: nothing changed",):
        click.echo(change)
    if dry_run or not (found.changes or release or force):
        return
    if found.changes and not yes:
        if not sys.stdin.isatty():
            raise SetupError("Nobody is there to be asked. Add --yes, or --dry-run to only look.")
        click.confirm(f"Bring {slug} in?", default=True, abort=True)
    done = sync(store, folder, actor=_me(), release=release, force=force, expected=found.content)
    for change in done.changes:
        if change not in found.changes:
            click.echo(change)
    click.echo(f"{slug} is up to date")


@app.command()
def enrol(
    course: Annotated[str, typer.Argument(help="The course's slug.")],
    user: Annotated[str, typer.Argument(help="The person's name, as the hub spells it.")],
    role: Annotated[Role, typer.Option(help="What the person is in the course.")],
    home: Home = Path("var"),
) -> None:
    """Enrol a person in a course, or change the role."""
    from courses.store import Store, people
    from courses.store.audit import now

    enrolment = Enrolment(names.slug(course), names.user(user), role)
    if not home.is_dir():
        raise SetupError(f"There is no classroom in {home}. Give its folder with --home.")
    store = Store.of_home(home)
    with store.writing() as session:
        changed = people.enrol(session, enrolment, actor=_me(), at=now())
    click.echo(f"{user} is {'now ' if changed else ''}{role.value} in {course}")


@app.command()
def run(
    port: Annotated[
        int, typer.Option(envvar="PORT", help="The port that people see; others follow from it.")
    ] = 8000,
    home: Home = Path("var"),
    config: Annotated[
        Path | None,
        typer.Option(help="The hub's configuration, if not the checkout's jupyterhub_config.py."),
    ] = None,
) -> None:
    """Serve the embedded classroom with its demo courses on this machine."""
    from courses.machine import serve

    place, hub_config = home.resolve(), config or serve.HUB_CONFIG
    ready = serve.prepare(place, port, hub_config, click.echo)
    for change in ready.changes:
        click.echo(f"  {change}")
    click.echo(f"\nLesesal opens on {ready.address}\n")
    width = max(len(each.name) for each in ready.accounts)
    for each in ready.accounts:
        click.echo(f"  {each.name:<{width}}  {each.password}  {each.role}")
    if ready.join:
        click.echo(f"\n{ready.workshop}, also without an account:\n\n  {ready.join}")
    click.echo(f"\nThe accounts are in {ready.accounts_file}. Ctrl-C ends it all.\n")
    sys.stdout.flush()
    serve.become_hub(place, port, hub_config)


@app.command("check")
def check_site(
    config: Annotated[
        Path | None,
        typer.Option(help="The hub's configuration, if not the checkout's jupyterhub_config.py."),
    ] = None,
    home: Home = Path("var"),
    user: Annotated[
        list[str] | None,
        typer.Option(
            help="A course's member to try things as, by the hub's name. Can be repeated."
        ),
    ] = None,
    outsider: Annotated[
        str, typer.Option(help="The Unix account of somebody who takes no part, to be refused.")
    ] = "",
    course: Annotated[
        str, typer.Option(help="Whose offers to try, where they depend on the course.")
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="Run no short job in each partition, to try a node.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds that a job may wait in the queue.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, at the end.")] = False,
    folder: EnvironmentsFolder = None,
) -> None:
    """Try what can go wrong on a site before the class does, and say what to do about it.

    Run it as the hub's account. The exit status is 1 when anything failed.
    """
    from courses.hub import environments
    from courses.hub.bookings import bookings
    from courses.machine import serve
    from spawners import site

    os.environ["LESESAL_HOME"] = str(home.resolve())
    place = ""

    def tell(finding: site.Finding) -> None:
        nonlocal place
        if finding.where != place:
            place = finding.where
            click.secho(f"\n{place}", bold=True)
        text, word = site.as_text(finding), len(finding.state)
        click.echo(click.style(text[:word], fg=STATE_COLOURS[finding.state]) + text[word:])

    wishes = site.Wishes(tuple(user or ()), outsider, course, quick, wait, bookings(home))
    try:
        findings = site.run(
            config or serve.HUB_CONFIG, wishes, (lambda _: None) if as_json else tell
        )
    except KeyboardInterrupt:
        _fail("Interrupted; what was started is taken away.")
    for finding in environments.findings(home, root_of(folder, home)):
        findings.append(finding)
        if not as_json:
            tell(finding)
    counts = site.counts(findings)
    if as_json:
        click.echo(site.as_json(findings))
    else:
        click.echo("\n" + ", ".join(f"{count} {state}" for state, count in counts.items()))
    sys.exit(1 if counts["failed"] else 0)


def summary(course: Course) -> str:
    """A course in a few lines."""
    from courses.words import date, size

    lines = [f"{course.slug}: {course.title}", f"  offers: {', '.join(course.offers)}"]
    if course.environment:
        python = f", Python {course.environment.python}" if course.environment.python else ""
        lines.append(f"  environment: {course.environment.requirements}{python}")
    for dataset in course.datasets:
        lines.append(f"  dataset {dataset.name}: {dataset.source}, {size(dataset.size)}")
    for each in course.assignments:
        due = f"due {date(each.due, course.timezone)}" if each.due else "no deadline"
        late = ", late work refused" if each.due and each.late == "refuse" else ""
        lines.append(f"  {each.name}: {each.title}; {due}{late}; up to {size(each.max_bytes)}")
    return "\n".join(lines)


def _me() -> str:
    """Who is at the keyboard, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"uid {os.getuid()}"


if __name__ == "__main__":
    main()

"""``lesesal person``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import click
import typer

from courses import names
from courses.errors import SetupError
from courses.terminal.people import Home, me

person_app = typer.Typer(help="What is held on a person.", no_args_is_help=True)


@person_app.callback()
def _person() -> None:
    """What is held on a person."""


@person_app.command("forget")
def forget(
    user: Annotated[str, typer.Argument(help="The person's name, as the hub spells it.")],
    home: Home = Path("var"),
    yes: Annotated[bool, typer.Option("--yes", help="Do it, instead of saying what it does.")] = (
        False
    ),
) -> None:
    """Remove what can go of a person, in all courses; say what stays, and why."""
    from courses.coursedir import collect as gradebooks
    from courses.store import Store, persons
    from courses.store.audit import now

    name = names.user(user)
    if not home.is_dir():
        raise SetupError(f"There is no classroom in {home}. Give its folder with --home.")
    store = Store.of_home(home)
    with store.writing() as session:
        done = persons.forget(session, name, actor=me(), at=now())
        if not yes:
            session.rollback()
    if not done.called:
        click.echo(f"Nothing is held on {name}.")
        return
    removed, called = ("are", done.called) if yes else ("would be", "removed-…")
    click.echo(
        f"{done.submissions} hand-ins of {name} with their feedback and {done.enrolments} "
        f"enrolments with deadlines and groups {removed} removed."
    )
    verb = "is" if yes else "would be"
    click.echo(f"What the record says of others stays; {name} {verb} called {called} in it.")
    for course, assignment in done.kept:
        click.echo(
            f"Kept: what {name} handed in to {assignment} in {course}, the enrolment there and "
            "that course's record, because a complaint is open. Run this again when it is answered."
        )
    if not yes:
        click.echo("Nothing was done. Do it with --yes.")
        return
    gradebooks.forget(store, name, done.kept)
    click.echo("The files themselves go with: lesesal store verify --collect")
    click.echo(
        "Not reached from here: the person's account in the hub and home on the cluster, "
        "backups, and what instructors have in their sessions."
    )

"""``lesesal roster`` and ``lesesal guests``."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from courses import names, roster
from courses.errors import Malformed, SetupError
from courses.roster import Plan

guests_app = typer.Typer(help="People whose account a join code made.", no_args_is_help=True)

Home = Annotated[
    Path,
    typer.Option("--home", envvar="LESESAL_HOME", help="The classroom's state folder."),
]
_SIGNS = {"new": "+", "role": "~", "removed": "-"}
_COLOURS = {"new": "green", "role": "yellow", "removed": "red"}


def apply_roster(
    course: Annotated[str, typer.Argument(help="The course's slug.")],
    file: Annotated[
        Path,
        typer.Argument(help="A CSV file with the columns user and, if you like, role and groups."),
    ],
    home: Home = Path("var"),
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove people who are not in the file.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Show what a roster changes in a course, and do it when told to."""
    from courses.store import Store, groups, people, rosters
    from courses.store.audit import now
    from courses.store.courses import find_course

    slug = names.slug(course)
    if not home.is_dir():
        raise SetupError(f"There is no classroom in {home}. Give its folder with --home.")
    with file.open("rb") as opened:
        found = roster.read(opened.read(roster.MAX_BYTES + 1))
    store = Store.of_home(home)
    with store.reading() as session:
        find_course(session, slug)
        enrolled, known = people.people(session, slug), groups.groups(session, slug)
        plan = roster.plan(found, enrolled, known, remove=remove)
    _show(plan)
    if plan.problems:
        raise Malformed("Nothing was changed. Correct the file and try again.")
    if not plan.steps and not plan.groups:
        return
    if not yes and not _agreed():
        click.echo("Nothing was changed.")
        sys.exit(1)
    with store.writing() as session:
        rosters.apply(session, slug, found, actor=me(), at=now(), remove=remove, basis=plan.basis)
    click.echo("Done.")


def _show(plan: Plan) -> None:
    for step in plan.steps:
        roles = " -> ".join(role.value for role in (step.before, step.after) if role)
        line = f"{_SIGNS[step.kind]} {step.user}  {roles}"
        click.echo(click.style(line, fg=_COLOURS[step.kind]))
    for group in plan.groups:
        people = [*(f"+{user}" for user in group.joins), *(f"-{user}" for user in group.leaves)]
        click.echo(f"group {group.name}{' (new)' if group.new else ''}: {' '.join(people)}")
    click.echo(
        f"{len(plan.steps)} changes, {plan.unchanged} unchanged, "
        f"{len(plan.kept)} not in the file and kept."
    )
    for problem in plan.problems:
        click.echo(problem)


def _agreed() -> bool:
    try:
        return click.confirm("Do this?")
    except click.Abort:
        return False


@guests_app.command("list")
def list_guests(home: Home = Path("var")) -> None:
    """All guests: name, course, end, and the Unix account that is lent to each."""
    from courses.store import Store, joining

    if not home.is_dir():
        raise SetupError(f"There is no classroom in {home}. Give its folder with --home.")
    with Store.of_home(home).reading() as session:
        lent = joining.lent(session)
        for each in joining.guests(session):
            state = "left" if each.left else "until"
            account = lent.get(each.name, "-")
            click.echo(
                f"{each.name}  {each.course}  {state} {each.ends:%Y-%m-%d %H:%M}Z  {account}"
            )


@guests_app.command("take-back")
def take_back(
    account: Annotated[str, typer.Argument(help="The Unix account, with its files removed.")],
    home: Home = Path("var"),
) -> None:
    """Let a Unix account be lent to another guest. First remove what its last guest left in it."""
    from courses.store import Store, joining
    from courses.store.audit import now

    if not home.is_dir():
        raise SetupError(f"There is no classroom in {home}. Give its folder with --home.")
    with Store.of_home(home).writing() as session:
        name = joining.take_back(session, account, actor=me(), at=now())
    click.echo(f"{account} was {name}'s, and may be lent again.")


def me() -> str:
    """Who is at the keyboard, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"uid {os.getuid()}"

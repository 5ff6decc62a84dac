"""``lesesal backup`` and ``lesesal restore``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from courses.words import size

if TYPE_CHECKING:
    from courses.backup.save import Tell

Home = Annotated[
    Path,
    typer.Option("--home", envvar="LESESAL_HOME", help="The classroom's state folder."),
]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database-url",
        envvar="LESESAL_DATABASE_URL",
        help="Its database, if not SQLite in the state folder. Without a password: others can "
        "read the arguments of a command.",
        show_default=False,
    ),
]
WORDS = {
    "rows": "rows",
    "bytes": "archives and files",
    "check": "rows compared",
    "proofs": "receipts proved",
}


def backup(
    to: Annotated[Path, typer.Argument(help="The backup folder; made when absent.")],
    home: Home = Path("var"),
    database_url: DatabaseUrl = "",
    check: Annotated[
        bool,
        typer.Option("--check", help="Read again what earlier backups hold, and mend it."),
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Keep this many backups, with the new one; else all."),
    ] = None,
) -> None:
    """Add a backup of the classroom to a folder; it may be at work meanwhile.

    Each backup is whole; what has not changed since the last one is not copied again. The exit
    status is 1 when a file of the classroom was damaged already, though the rest is backed up.
    """
    from courses.backup.save import save
    from courses.store import default_url

    url = database_url or default_url(home)
    with _progress("Backing up") as tell:
        done = save(home, url, to, datetime.now(UTC), tell, check=check, keep=keep)
    found = done.manifest
    click.echo(
        f"{done.folder}: {found.rows} rows, {found.blobs} archives and files of "
        f"{size(found.bytes)}; {size(done.copied)} copied"
    )
    if done.removed:
        click.echo(f"{done.removed} older removed")
    if found.damaged:
        click.echo(
            f"{len(found.damaged)} files of the classroom are not what they were, and are not in "
            "the backup. `lesesal store verify` says whose they are: "
            + ", ".join(found.damaged[:10]),
            err=True,
        )
        sys.exit(1)


def restore(
    source: Annotated[
        Path, typer.Argument(metavar="FROM", help="A backup folder, or one backup in it.")
    ],
    home: Home = Path("var"),
    database_url: DatabaseUrl = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Replace a classroom that is there; stop it first.")
    ] = False,
) -> None:
    """Make the classroom of a backup, the newest of a folder, and check all of it.

    The database may be of another kind than the one that was backed up. The exit status is 1 when
    something was wrong already in what was backed up, though that is restored as it was.
    """
    from courses.backup import manifest
    from courses.backup.restore import restore as run
    from courses.store import default_url

    folder = manifest.find(source)
    with _progress("Restoring") as tell:
        done = run(
            folder, home, database_url or default_url(home), datetime.now(UTC), tell, replace=yes
        )
    found = done.manifest
    click.echo(
        f"{home} is as the classroom was on {found.made:%Y-%m-%d at %H:%M:%S} UTC: {found.rows} "
        f"rows, {found.blobs} archives and files of {size(found.bytes)}, each as it was written"
    )
    if done.problems:
        click.echo("\nWrong in the classroom already when it was backed up:", err=True)
        for each in done.problems:
            click.echo(f"  {each}", err=True)
        sys.exit(1)


@contextmanager
def _progress(title: str) -> Iterator[Tell]:
    """Bars in a terminal; nothing elsewhere, where a timer runs it."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(WORDS[what], total=None, shown="")
        shown = f"{size(done)} of {size(total)}" if what == "bytes" else f"{done}"
        bars.update(tasks[what], completed=done, total=total or None, shown=shown)

    with bars:
        if console.is_terminal:
            console.print(title)
        yield tell

"""``lesesal env …``: build environments, look at them, choose between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from courses.errors import BuildFailed
from courses.words import short_date, size

app = typer.Typer(
    help="Environments of courses: build, choose, check.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Slug = Annotated[str, typer.Argument(metavar="COURSE", help="The course's slug.")]
EnvironmentsFolder = Annotated[
    Path | None,
    typer.Option(
        "--environments",
        envvar="LESESAL_ENVIRONMENTS",
        help="The folder of all environments, which all nodes see. By default in the home.",
    ),
]
Home = Annotated[
    Path,
    typer.Option("--home", envvar="LESESAL_HOME", help="The classroom's state folder."),
]
SHOWN = 20


def root_of(environments: Path | None, home: Path) -> Path:
    """The folder of all environments."""
    return environments or home / "environments"


@app.command("build")
def build(
    folder: Annotated[
        Path, typer.Argument(metavar="COURSE", help="The folder with the course's course.toml.")
    ],
    environments: EnvironmentsFolder = None,
    home: Home = Path("var"),
    squashfs: Annotated[
        bool, typer.Option("--squashfs", help="Also make one image of it, for nodes with FUSE.")
    ] = False,
    python: Annotated[
        Path | None, typer.Option(help="The Python to build with, at its path on the nodes.")
    ] = None,
    only_mine: Annotated[
        bool,
        typer.Option(
            "--only-mine", help="All sessions run under this account: no other need read it."
        ),
    ] = False,
    release_folder: Annotated[
        Path | None,
        typer.Option(
            envvar="LESESAL_RELEASE",
            help="The release with requirements/ and extensions/, if not the checkout of this.",
        ),
    ] = None,
) -> None:
    """Build a course's environment; when all is well, new sessions run in it."""
    from courses.environments import build as building
    from courses.environments.base import session_side

    wishes = building.Wishes(
        root=root_of(environments, home),
        side=session_side(release_folder),
        python=python,
        squashfs=squashfs,
        only_mine=only_mine,
    )
    started = time.monotonic()
    with _steps() as step:
        built = building.build(folder, wishes, step)
    seconds = time.monotonic() - started
    done = f"is built, in {seconds:.0f} s" if built.new else "was there already, undamaged"
    sessions = "New sessions run in it" if built.switched else "New sessions ran in it before, too"
    click.echo(f"{built.folder} {done}. {sessions}; those that run keep what they have.")


@app.command("list")
def show(environments: EnvironmentsFolder = None, home: Home = Path("var")) -> None:
    """All environments; new sessions run in those with a star."""
    from courses.environments import shelf
    from courses.environments.image import image_of

    root = root_of(environments, home)
    courses = shelf.courses(root)
    if not courses:
        click.echo(f"There is no environment in {root}. Build one: lesesal env build COURSE")
    for course in courses:
        click.echo(course)
        its = shelf.Shelf(root, course)
        current = its.current()
        rows = [(its.manifest(each), image_of(its[each]).ready) for each in its.versions()]
        for about, image in sorted(rows, key=lambda row: row[0].built):
            click.echo(
                f"  {'*' if about.version == current else ' '} {about.version}  "
                f"built {short_date(datetime.fromisoformat(about.built), 'UTC')} UTC, "
                f"Python {about.python}, {about.files} files, {size(about.bytes)}"
                f"{', image' if image else ''}"
            )


@app.command("use")
def use(
    course: Slug,
    version: Annotated[str, typer.Argument(help="One that `lesesal env list` shows.")],
    environments: EnvironmentsFolder = None,
    home: Home = Path("var"),
) -> None:
    """Let new sessions of a course run in another version: the one before, for instance."""
    from courses.environments.shelf import Shelf

    changed = Shelf(root_of(environments, home), course).use(version)
    click.echo(f"New sessions of {course} {'now ' if changed else ''}run in {version}.")


@app.command("verify")
def verify(
    course: Slug,
    version: Annotated[
        str, typer.Argument(help="One that `lesesal env list` shows; the one in use by default.")
    ] = "",
    environments: EnvironmentsFolder = None,
    home: Home = Path("var"),
) -> None:
    """Compare every file with what was built. The exit status is 1 where any differs."""
    from courses.environments.shelf import Shelf

    shelf = Shelf(root_of(environments, home), course)
    version = version or shelf.current()
    found = shelf.problems(version)
    if found:
        more = [f"… and {len(found) - SHOWN} more."] if len(found) > SHOWN else []
        lines = "\n".join(f"  | {line}" for line in [*found[:SHOWN], *more])
        raise BuildFailed(
            f"{shelf[version]} is not what was built.\n{lines}\n"
            "Build it again: lesesal env build COURSE puts a whole one beside it."
        )
    click.echo(f"{shelf[version]}: all {shelf.manifest(version).files} files are as built.")


@app.command("remove")
def remove(
    course: Slug,
    version: Annotated[str, typer.Argument(help="One that `lesesal env list` shows.")],
    environments: EnvironmentsFolder = None,
    home: Home = Path("var"),
) -> None:
    """Remove a version that new sessions do not run in. Sessions that still run in it break."""
    from courses.environments.shelf import Shelf

    Shelf(root_of(environments, home), course).remove(version)
    click.echo(f"{version} of {course} is removed.")


Step = Callable[[str], AbstractContextManager[object]]


@contextmanager
def _steps() -> Iterator[Step]:
    """Steps as they go: live on a terminal, else a line with its seconds at each one's end."""
    console = Console(stderr=True, highlight=False)
    columns = (
        SpinnerColumn(finished_text="✓"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        @contextmanager
        def step(what: str) -> Iterator[None]:
            task = progress.add_task(what, total=1)
            started = time.monotonic()
            yield
            progress.update(task, completed=1)
            if not console.is_terminal:
                click.echo(f"{time.monotonic() - started:6.1f} s  {what}", err=True)

        yield step

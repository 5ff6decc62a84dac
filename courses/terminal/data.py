"""``lesesal data``: whether a course's datasets are what it names, and what to name of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from courses.datasets import Dataset, Tell, fingerprint, problem
from courses.errors import NotFound
from courses.words import size

data_app = typer.Typer(help="Datasets that courses name.", no_args_is_help=True)


@data_app.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(help="The folder with course.toml in it.")],
    names: Annotated[list[str] | None, typer.Argument(help="Only these.")] = None,
) -> None:
    """Read a course's datasets, on a machine that sees them, and compare every byte.

    The exit status is 1 when one is missing or not what course.toml names.
    """
    from courses import catalogue

    course = catalogue.load(folder)
    known = {each.name: each for each in course.datasets}
    for name in names or ():
        if name not in known:
            raise NotFound(f"{course.slug} names no dataset {name!r}. It has: {', '.join(known)}.")
    wanted = [known[name] for name in names or known]
    if not wanted:
        click.echo(f"{course.slug} names no datasets.")
        return
    bad = 0
    for each in wanted:
        with _bar(each.name, each.size) as tell:
            says = problem(each, tell)
        bad += bool(says)
        click.echo(
            says or f"{each.name}: {size(each.size)}, as course.toml names it ({each.licence})"
        )
    if bad:
        raise typer.Exit(1)


@data_app.command("describe")
def describe(
    source: Annotated[Path, typer.Argument(help="A file, or a folder of files.")],
    name: Annotated[
        str, typer.Option(help="What the course calls it, if not the file's name.")
    ] = "",
) -> None:
    """Print the lines for course.toml that name a dataset. Its licence is yours to fill in."""
    whole = source.resolve(strict=True)
    with _bar(whole.name, None) as tell:
        found = fingerprint(whole, tell)
    described = Dataset(name or whole.name, str(whole), found.size, found.sha256, "")
    click.echo("[[datasets]]")
    for key, value in asdict(described).items():
        # A number or a string is written in TOML as it is in JSON.
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}")


@contextmanager
def _bar(name: str, total: int | None) -> Iterator[Tell]:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=total)
        yield lambda count: bar.advance(task, count)

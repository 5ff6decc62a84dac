"""``lesesal receipt verify`` and ``lesesal store verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import click
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from courses.errors import BadReceipt, SetupError
from courses.words import size

receipt_app = typer.Typer(help="Check receipts of hand-ins.", no_args_is_help=True)
store_app = typer.Typer(help="Check what the classroom keeps.", no_args_is_help=True)

Home = Annotated[
    Path,
    typer.Option("--home", envvar="LESESAL_HOME", help="The classroom's state folder."),
]


@receipt_app.callback()
@store_app.callback()
def _group() -> None:
    """Keeps ``verify`` a command of its own name, being the only one."""


@receipt_app.command("verify")
def verify_receipt(
    file: Annotated[Path, typer.Argument(help="The receipt, as it was downloaded.")],
    home: Home = Path("var"),
    key: Annotated[
        Path | None,
        typer.Option(help="The classroom's public keys, from its api/receipt-keys."),
    ] = None,
    files: Annotated[
        Path | None, typer.Option(help="A folder: are its files those that were handed in?")
    ] = None,
) -> None:
    """Say whether a receipt is genuine, and whether files are those that were handed in.

    The exit status is 1 when either is not so. The course need not exist any more.
    """
    from courses import receipts
    from courses.store.keys import PUBLIC

    if file.stat().st_size > receipts.MAX_BYTES:
        raise BadReceipt(f"{file} is too large to be a receipt.")
    signed = receipts.read(file.read_bytes())
    place = key or home / PUBLIC
    try:
        keys = receipts.read_keys(place.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SetupError(
            f"There are no public keys in {place}. Give the classroom's with --key."
        ) from error
    said = signed.receipt
    if not signed.genuine(keys):
        click.echo(
            f"The receipt {said.id} is not genuine: no key in {place} has signed what it says."
        )
        raise typer.Exit(1)
    if said.due is None:
        when = "there was no deadline"
    else:
        when = f"{'on time' if said.on_time else 'late'}, due {said.due:%Y-%m-%d %H:%M:%S} UTC"
    click.echo(f"The receipt {said.id} is genuine, signed with the key {signed.key}.")
    click.echo(
        f"{said.user} handed in {said.course}/{said.assignment} at "
        f"{said.timestamp:%Y-%m-%d %H:%M:%S.%f} UTC ({when})."
    )
    if files is None:
        return
    if not files.is_dir():
        raise SetupError(f"{files} is not a folder.")
    count = f"{len(said.files)} file{'' if len(said.files) == 1 else 's'}"
    found = receipts.differences(said.files, files)
    for difference in found:
        click.echo(difference)
    if found:
        click.echo(f"{files} does not have the {count} that were handed in.")
        raise typer.Exit(1)
    click.echo(f"{files} has the {count} that were handed in, byte for byte.")


@store_app.command("verify")
def verify_store(
    home: Home = Path("var"),
    collect: Annotated[
        bool,
        typer.Option("--collect", help="Remove what belongs to nothing and is older than a day."),
    ] = False,
) -> None:
    """Prove every receipt against the bytes on the disk; say what is wrong, and what is litter.

    The exit status is 1 when anything is wrong. It may run while the classroom does.
    """
    from courses.proofs import store as proofs
    from courses.store import Store
    from courses.store.database import default_url, has_classroom

    if not home.is_dir() or not has_classroom(default_url(home)):
        raise SetupError(f"There is no classroom in {home}. Give its folder with --home.")
    store = Store.of_home(home)
    checked = 0
    with _progress() as progress:
        task = progress.add_task("Checking", total=None)

        def tell(done: int, total: int) -> None:
            nonlocal checked
            checked = done
            progress.update(task, completed=done, total=total)

        wrong = list(proofs.problems(store, tell))
    for problem in wrong:
        click.echo(problem)
    click.echo(f"{checked} receipts and archives checked, {len(wrong) or 'nothing'} wrong.")
    found = proofs.litter(store)
    old = [each for each in found if each.old]
    total = size(sum(each.bytes for each in found))
    click.echo(f"{len(found)} blobs ({total}) belong to nothing, {len(old)} of them for a day.")
    if collect:
        removed = [each for each in old if store.blobs.remove_old(each.sha256)]
        click.echo(f"{len(removed)} removed ({size(sum(each.bytes for each in removed))}).")
    store.close()
    if wrong:
        raise typer.Exit(1)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)

"""A course's datasets, wherever its code runs: ``~/datasets/<course>/<name>``, read-only.

In a session that is a link to where the cluster has the dataset, whose owner lets others read it
and not write; where work is graded it is mounted there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = "LESESAL_DATASETS"
"""The variable that names the folder of the course's datasets."""
SOURCES = "LESESAL_DATASET_SOURCES"
"""The variable that says where they are: JSON, ``[{"name", "source", "size"}, …]``."""


class DatasetError(Exception):
    """A dataset is not where it should be. The text is a sentence."""


def dataset(name: str) -> Path:
    """Where one of the course's datasets is: a file or a folder.

    Raises `DatasetError`.

    >>> text = (dataset("letters") / "train.txt").read_text()
    """
    given = os.environ.get(FOLDER)
    # Where work is graded, there are those of one course.
    folders = [Path(given)] if given else sorted(Path.home().glob("datasets/*/"))
    for path in (folder / name for folder in folders):
        if path.exists():
            return path
        if path.is_symlink():
            raise DatasetError(
                f"The dataset {name!r} should be at {path.readlink()}, and is not there any more. "
                "Please tell the course's instructor."
            )
    known = sorted(each.name for folder in folders for each in folder.iterdir())
    has = f"There are {', '.join(known)}." if known else "There are none."
    raise DatasetError(f"There is no dataset {name!r} in {given or '~/datasets'}. {has}")


def place(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Link a session's datasets into a home; returns variables for its kernels.

    Raises `DatasetError` where one is missing, or a file of another size.
    """
    wanted = json.loads(environment.get(SOURCES) or "[]")
    if not wanted:
        return {}
    folder = home / "datasets" / environment["LESESAL_COURSE"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in wanted:
            _check(each["name"], Path(each["source"]), each["size"])
            _link(folder / each["name"], each["source"])
    except OSError as error:
        raise DatasetError(
            f"The course's datasets can't be shown in {folder}: {error.strerror}. Make room there, "
            "or give that folder another name."
        ) from error
    return {FOLDER: str(folder)}


def _check(name: str, source: Path, size: int) -> None:
    tell = "Please tell the course's instructor."
    try:
        found = source.stat()
    except OSError as error:
        raise DatasetError(
            f"The course's dataset {name!r} is not at {source} ({error.strerror}). {tell}"
        ) from error
    if source.is_file() and found.st_size != size:
        raise DatasetError(
            f"The course's dataset {name!r} at {source} has {found.st_size} bytes, and should have "
            f"{size}. {tell}"
        )
    if not os.access(source, os.R_OK):
        raise DatasetError(f"You may not read the course's dataset {name!r} at {source}. {tell}")


def _link(link: Path, source: str) -> None:
    if link.is_symlink():
        if str(link.readlink()) == source:
            return
        link.unlink()
    elif link.exists():
        # Somebody's own; it is not ours to take away.
        link.rename(link.with_name(f"{link.name}.mine"))
    link.symlink_to(source)

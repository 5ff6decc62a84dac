"""Datasets that a course names: where each is, how large, and by what it is known again."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from courses.language import gettext as _

CHUNK = 1 << 20

Tell = Callable[[int], object]


@dataclass(frozen=True)
class Dataset:
    """A file or a folder that a course's sessions, batch jobs and grading see.

    Attributes:
        name: what people know it by, a file name.
        source: the absolute path, on each machine that executes something for the course.
        size: in bytes, of all files together.
        sha256: as `fingerprint` has it, in hexadecimal digits.
        licence: under which it may be used, an SPDX identifier or words.
    """

    name: str
    source: str
    size: int
    sha256: str
    licence: str


@dataclass(frozen=True)
class Fingerprint:
    """What a dataset is known again by: its bytes, and how many they are."""

    size: int
    sha256: str


def fingerprint(source: Path, tell: Tell = lambda _count: None) -> Fingerprint:
    """Read all of a file, or of the files in a folder; links and hidden files are left out.

    Of a file it is the SHA-256 of its bytes. Of a folder it is the SHA-256 of the lines that
    ``sha256sum`` prints of its files, ``"<digest>  <path>\\n"``, sorted by path as bytes.

    Args:
        tell: is called with the number of each block's bytes.

    Raises OSError.
    """
    if not source.is_dir():
        return _of_file(source, tell)
    size, lines = 0, hashlib.sha256()
    for path in _files(source):
        found = _of_file(path, tell)
        size += found.size
        name = os.fsencode(path.relative_to(source))
        lines.update(found.sha256.encode() + b"  " + name + b"\n")
    return Fingerprint(size, lines.hexdigest())


def problem(dataset: Dataset, tell: Tell = lambda _count: None) -> str:
    """Read all of a dataset; what is wrong with it, as a sentence, or nothing."""
    source, values = Path(dataset.source), {"name": dataset.name, "source": dataset.source}
    try:
        found = fingerprint(source, tell)
    except FileNotFoundError:
        return _(
            "{name} is not at {source}. Put it there, or correct its source in course.toml.",
            **values,
        )
    except OSError as error:
        return _("{name} at {source} cannot be read: {why}.", **values, why=error.strerror)
    if found.size != dataset.size:
        return _(
            "{name} at {source} has {found} bytes, and should have {size}. Copy it again.",
            **values,
            found=found.size,
            size=dataset.size,
        )
    if found.sha256 != dataset.sha256:
        return _(
            "{name} at {source} is not what course.toml names: its SHA-256 is {found}. Copy it "
            "again.",
            **values,
            found=found.sha256,
        )
    return ""


def _files(folder: Path) -> Iterator[Path]:
    found = []
    for where, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(where, name) for name in names if not name.startswith(".")]
        found += [path for path in paths if stat.S_ISREG(path.lstat().st_mode)]
    yield from sorted(found, key=lambda path: os.fsencode(path.relative_to(folder)))


def _raise(error: OSError) -> None:
    raise error


def _of_file(path: Path, tell: Tell) -> Fingerprint:
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            size += len(block)
            digest.update(block)
            tell(len(block))
    return Fingerprint(size, digest.hexdigest())

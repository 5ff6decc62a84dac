"""What a backup consists of, with digests; it is written last, so what has one is whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from courses.errors import BackupDamaged, SetupError

NAME = "manifest.json"
FORMAT = 1
_FOLDER = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")


@dataclass(frozen=True)
class Manifest:
    """One backup.

    Attributes:
        made: when the database's state was taken.
        lesesal: the version that made it.
        step: the step that its tables are at.
        rows: how many rows it has.
        rows_sha256: the digest of their text, not packed (`courses.backup.rows`).
        blobs: how many blobs belong to it.
        bytes: what they measure.
        files: the digest of each other file of the backup, by name.
        damaged: blobs that were not what they are named by, on the classroom's own disk; they are
            not in the backup.
    """

    made: datetime
    lesesal: str
    step: str
    rows: int
    rows_sha256: str
    blobs: int
    bytes: int
    files: dict[str, str]
    damaged: tuple[str, ...] = ()


def folder_name(made: datetime) -> str:
    return made.strftime("%Y-%m-%dT%H%M%SZ")


def whole(place: Path) -> list[Path]:
    """The whole backups of a backup folder, oldest first."""
    if not place.is_dir():
        return []
    found = [each for each in place.iterdir() if _FOLDER.fullmatch(each.name)]
    return sorted(each for each in found if (each / NAME).is_file())


def find(place: Path) -> Path:
    """The backup that is meant: this folder, or the newest in it. Raises `SetupError`."""
    place = place.resolve()
    if (place / NAME).is_file():
        return place
    found = whole(place)
    if not found:
        raise SetupError(f"There is no whole backup in {place}. Give the folder of one.")
    return found[-1]


def write(folder: Path, manifest: Manifest) -> None:
    """Write it durably; what it names must be so already."""
    value = {"format": FORMAT, **asdict(manifest), "made": manifest.made.isoformat()}
    value["seal"] = _seal(value)
    write_durably(folder / NAME, (json.dumps(value, indent=1) + "\n").encode())


def read(folder: Path) -> Manifest:
    """Read and check it, and that the files it names are what they were. Raises `BackupDamaged`."""
    damaged = BackupDamaged(
        f"The backup {folder} is damaged: its {NAME} is not what was written. Take another one."
    )
    try:
        value = json.loads((folder / NAME).read_text(encoding="utf-8"))
        seal = value.pop("seal")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise damaged from error
    if seal != _seal(value):
        raise damaged
    if value.pop("format") != FORMAT:
        raise SetupError(f"The backup {folder} was made by a newer version of Lesesal. Use that.")
    value["made"], value["damaged"] = (
        datetime.fromisoformat(value["made"]),
        tuple(value["damaged"]),
    )
    found = Manifest(**value)
    for name, sha256 in found.files.items():
        path = folder / name
        if not path.is_file() or digest(path) != sha256:
            raise BackupDamaged(
                f"The backup {folder} is damaged: its {name} is not what was written. "
                "Take another one."
            )
    return found


def write_durably(path: Path, data: bytes) -> None:
    """Make a file of 0600; its name is durable when its folder is (`sync_folder`)."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(value: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

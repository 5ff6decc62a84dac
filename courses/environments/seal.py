"""What makes an environment immutable: no write bits, and a digest of every file."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

# As `sha256sum --check` reads it.
SUMS = "files.sha256"
MANIFEST = "environment.json"
WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Manifest:
    """What an environment is, in ``environment.json``.

    Attributes:
        course: the course's slug.
        version: see `courses.environment.version_of`.
        python: the version of its Python, ``"3.11.2"``.
        executable: the Python that it was made from.
        lesesal: the release whose session side is in it.
        requirements: SHA-256 of the course's requirements file.
        built: when, in ISO form.
        files: how many regular files.
        bytes: how large they are together.
        sums: SHA-256 of ``files.sha256``.
        links: where its symbolic links point.
    """

    course: str
    version: str
    python: str
    executable: str
    lesesal: str
    requirements: str
    built: str
    files: int
    bytes: int
    sums: str
    links: dict[str, str]


def read(folder: Path) -> Manifest:
    """The manifest of an environment. Raises OSError or ValueError where there is none."""
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except TypeError as error:
        raise ValueError(str(error)) from error


def write(folder: Path, **about: str) -> Manifest:
    """Take the write bits away, and write both lists; `about` is the rest of the manifest."""
    sums = {name: digest for name, digest, _ in _digests(folder, _files(folder))}
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
    (folder / SUMS).write_text(text, encoding="utf-8")
    size = sum((folder / name).stat().st_size for name in sums)
    manifest = Manifest(
        **about,
        files=len(sums),
        bytes=size,
        sums=hashlib.sha256(text.encode()).hexdigest(),
        links=_links(folder),
    )
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o555 if runs else 0o444)
    return manifest


def problems(folder: Path) -> list[str]:
    """How an environment differs from what was built, a sentence each; none when it does not."""
    try:
        manifest = read(folder)
        text = (folder / SUMS).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        return [f"{MANIFEST} or {SUMS} cannot be read ({error})."]
    if hashlib.sha256(text.encode()).hexdigest() != manifest.sums:
        return [f"{SUMS} was changed."]
    wanted = {line[66:]: line[:64] for line in text.splitlines()}
    there = set(_files(folder))
    found = [f"{name} is missing." for name in sorted(wanted.keys() - there)]
    found += [f"{name} was added." for name in sorted(there - wanted.keys())]
    for name, digest, mode in _digests(folder, sorted(there & wanted.keys())):
        if digest != wanted[name]:
            found.append(f"{name} was changed.")
        elif mode & WRITABLE:
            found.append(f"{name} may be written.")
    links = _links(folder)
    names = sorted(links.keys() | manifest.links.keys())
    found += [
        f"{name} points to {links.get(name, 'nothing')}, not to {manifest.links.get(name)}."
        for name in names
        if links.get(name) != manifest.links.get(name)
    ]
    return found


def remove(folder: Path) -> None:
    """Remove a folder, sealed or half-built."""
    # Not shutil's onerror: its meaning has changed between Pythons.
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o700)
    for place, folders, files in os.walk(folder, topdown=False):
        for name in files:
            Path(place, name).unlink()
        for name in folders:
            path = Path(place, name)
            path.unlink() if path.is_symlink() else path.rmdir()
    folder.rmdir()


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digests(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Name, SHA-256 and mode of each file."""

    def look(name: str) -> tuple[str, str, int]:
        path = folder / name
        return name, digest_of(path), path.stat().st_mode

    # hashlib lets other threads go on meanwhile; a parallel file system answers many at once.
    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(look, names)


def _files(folder: Path) -> list[str]:
    """All regular files but the two lists, as relative names."""
    found = [
        Path(place, name).relative_to(folder).as_posix()
        for place, _, files in os.walk(folder)
        for name in files
        if not Path(place, name).is_symlink()
    ]
    return sorted(set(found) - {SUMS, MANIFEST})


def _links(folder: Path) -> dict[str, str]:
    """All symbolic links, and where they point."""
    return {
        Path(place, name).relative_to(folder).as_posix(): str(Path(place, name).readlink())
        for place, folders, files in os.walk(folder)
        for name in sorted([*folders, *files])
        if Path(place, name).is_symlink()
    }

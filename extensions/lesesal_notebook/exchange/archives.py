"""Folders to zip archives and back.

Guarantees: only regular files are packed, links are never followed; an archive with a name that
leads out of its folder, a link, a device, a name twice or more bytes than allowed is refused as
a whole; a folder appears complete or not at all (`staged`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from .errors import ArchiveError

# The shape of `shutil.copytree(ignore=…)`, which nbgrader's own patterns have: a folder and the
# names in it, to the names that stay out.
Ignore = Callable[[str, list[str]], Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Packed:
    """What went into an archive: names with `/`, the archive's size in bytes, and its content.

    The content is the SHA-256 of what `sha256sum` prints for the files by name, as in a receipt.
    """

    names: tuple[str, ...]
    size: int
    content: str

    @property
    def notebooks(self) -> list[str]:
        return sorted(name for name in self.names if name.endswith(".ipynb"))


def pack(
    folder: Path,
    archive: Path,
    *,
    ignore: Ignore,
    warn: Callable[[str], None],
    max_bytes: int | None = None,
) -> Packed:
    """Write the regular files under `folder` to a new zip at `archive`.

    `max_bytes` bounds what is read. `warn` gets a sentence for each link or special file that is
    left out. Raises ArchiveError.
    """
    names: list[str] = []
    total = 0
    try:
        with zipfile.ZipFile(archive, "x", zipfile.ZIP_DEFLATED, strict_timestamps=False) as target:
            for path in _regular_files(folder, ignore, warn):
                name = path.relative_to(folder).as_posix()
                total += path.stat().st_size
                if max_bytes is not None and total > max_bytes:
                    raise ArchiveError(
                        f"The folder {folder} holds more than {_size(max_bytes)}, which is the"
                        " most that may be sent. Move large files out of it and try again."
                    )
                target.write(path, name)
                names.append(name)
    except UnicodeEncodeError as err:
        raise ArchiveError(
            f"A file in {folder} has a name that can't be sent ({err.object!a}). Rename it."
        ) from None
    return Packed(tuple(names), archive.stat().st_size, content(digests(archive)))


def _regular_files(folder: Path, ignore: Ignore, warn: Callable[[str], None]) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, onerror=_raise):
        left_out = set(ignore(root, [*folders, *files]))
        kept = []
        for name in sorted(set(folders) - left_out):
            if (Path(root) / name).is_symlink():
                warn(f"Left out {Path(root, name)}: it is a link, and links are not followed.")
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(set(files) - left_out):
            path = Path(root, name)
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                yield path
            else:
                what = "a link, and links are not followed" if stat.S_ISLNK(mode) else "no file"
                warn(f"Left out {path}: it is {what}.")


def _raise(err: OSError) -> None:
    # os.walk leaves out a folder that can't be read without a word; a submission must not.
    raise err


def names_in(archive: Path) -> list[str]:
    """The names of the files in an archive, checked as `extract` checks them."""
    with _opened(archive) as source:
        return [info.filename for info in _checked(source)]


def digests(archive: Path) -> dict[str, str]:
    """Name to SHA-256 of each file in an archive, checked as `extract` checks them."""
    with _opened(archive) as source:
        return {
            info.filename: hashlib.sha256(source.read(info)).hexdigest()
            for info in _checked(source)
        }


def content(files: Mapping[str, str]) -> str:
    """The `content` of a receipt, from name to SHA-256 of each file."""
    lines = sorted((name.encode(), digest) for name, digest in files.items())
    text = b"".join(digest.encode() + b"  " + name + b"\n" for name, digest in lines)
    return hashlib.sha256(text).hexdigest()


def extract(archive: Path, into: Path, *, max_bytes: int | None = None) -> list[str]:
    """Unpack into an existing folder that nobody else writes to; gives the files' names.

    `max_bytes` bounds what is written. Raises ArchiveError; `into` may then hold a part.
    """
    with _opened(archive) as source:
        infos = _checked(source)
        # zipfile never hands out more of a member than its declared size.
        total = sum(info.file_size for info in infos)
        if max_bytes is not None and total > max_bytes:
            raise ArchiveError(
                f"The archive unpacks to {_size(total)}; at most {_size(max_bytes)} are allowed."
            )
        if total > (free := shutil.disk_usage(into).free):
            raise ArchiveError(
                f"{_size(total)} are needed in {into.parent}, and {_size(free)} are left."
                " Delete something and try again."
            )
        for info in infos:
            path = into / info.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            with source.open(info) as member, path.open("xb") as out:
                shutil.copyfileobj(member, out)
        return [info.filename for info in infos]


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as source:
            yield source
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as err:
        raise ArchiveError(f"The archive is damaged ({err}). Try again.") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as err:
        raise ArchiveError(f"The archive contradicts itself at {err.filename}.") from None


def _checked(source: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in source.infolist():
        name = info.orig_filename
        parts = PurePosixPath(name).parts
        kind = stat.S_IFMT(info.external_attr >> 16)
        if (
            not parts
            or name.startswith("/")
            or ".." in parts
            or "\\" in name
            or "\0" in name
            or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
        ):
            raise ArchiveError(
                f"The archive holds {name!a}, which is a link or leads out of its folder;"
                " nothing of it was unpacked."
            )
        if info.is_dir():
            continue
        if str(PurePosixPath(name)) in found:
            raise ArchiveError(f"The archive holds {name!a} twice; nothing of it was unpacked.")
        found[str(PurePosixPath(name))] = info
    return list(found.values())


@contextlib.contextmanager
def staged(dest: Path, *, replace: bool = False) -> Iterator[Path]:
    """A new folder beside `dest` to fill, which becomes `dest` when the block ends well.

    When it doesn't, nothing of it stays. With `replace`, a folder that is there is put aside in
    the same step and then deleted; without, OSError if `dest` is there and not empty.
    """
    with scratch(dest) as new:
        yield new
        old = dest.with_name(f"{new.name}.old")
        put_aside = replace and dest.is_dir()
        if put_aside:
            dest.rename(old)
        try:
            new.rename(dest)
        except OSError:
            if put_aside:
                old.rename(dest)
            raise
        if put_aside:
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """A new hidden folder in the same file system as `beside`, gone when the block ends."""
    made = [path for path in beside.parents if not path.exists()]
    beside.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile.mkdtemp: its 0700 would stay on the folder that this becomes.
    folder = beside.with_name(f".{beside.name}.{secrets.token_hex(4)}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for path in made:
            # Fails, as it should, once something is in it.
            with contextlib.suppress(OSError):
                path.rmdir()


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"

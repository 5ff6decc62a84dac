"""Zip archives from people nobody needs to trust: what is accepted, and how it is unpacked.

An archive is accepted when all of this holds:

- it is a zip that can be read whole: every member's checksum is right, none is encrypted, and each
  is stored or deflated (Python unpacks the other methods without a bound on memory);
- every member is a regular file or a folder: no symlink, no device;
- every name is relative, of UTF-8, without empty, ``.`` or ``..`` components, backslashes, drive
  letters, control or text-direction characters, and short enough for a file system;
- no two names are equal, also not after ignoring case and Unicode's ways to write the same letter,
  and no file has the name of a folder;
- it has at least one file, and no more files and bytes than the `Limits`. Bytes are counted as they
  come out, whatever the headers say;
- its files are of the kinds that the `Limits` name. A zip's list of files is at its end, so this is
  known only when all of it is there.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from courses.course import DEFAULT_MAX_FILES
from courses.errors import BadArchive, TooLarge
from courses.language import gettext as _
from courses.submissions import PackedFile
from courses.words import size

_CHUNK = 256 * 1024
_MAX_COMPONENT = 255  # bytes: NAME_MAX of Linux file systems
_MAX_NAME = 1024  # bytes, with room below PATH_MAX (4096) for the folder it is unpacked into
_DIRECTION = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_END_RECORD = b"PK\x05\x06"
_END_RECORD_SIZE = 22
# What zipfile raises for bytes that make no sense, and for parts of zip that it does not know.
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError),
    *(NotImplementedError, RuntimeError),
)
# One entry of the list of members takes 46 bytes, its name and extras; zipfile reads the whole list
# before it can be asked for anything.
_BYTES_PER_ENTRY = 46 + _MAX_NAME + 256


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold: ``bytes`` unpacked, all files together.

    ``kinds`` are the endings that a file's name may have, ``(".ipynb", ".py")``; empty for any.
    """

    bytes: int
    files: int = DEFAULT_MAX_FILES
    kinds: tuple[str, ...] = ()


def check_name(name: str) -> str:
    """Return the member's name without a folder's last slash, or raise `BadArchive`."""
    plain = name.removesuffix("/")
    problem = _problem(plain)
    if problem:
        raise BadArchive(
            _(
                "The archive has a file named {name!r}, {problem}. Rename it.",
                name=name,
                problem=problem,
            )
        )
    return plain


def _problem(name: str) -> str:
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        return _("with a control character")
    if any(char in _DIRECTION for char in name):
        return _("with a character that changes the direction of text")
    if "\\" in name:
        return _("with a backslash")
    if name.startswith("/") or (name[1:2] == ":" and name[0].isalpha()):
        return _("which is not a relative path")
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return _("which could leave its folder")
    if len(name.encode()) > _MAX_NAME or any(len(p.encode()) > _MAX_COMPONENT for p in parts):
        return _("which is too long")
    return ""


def inspect(source: Path, limits: Limits) -> tuple[PackedFile, ...]:
    """Read the whole archive at ``source`` and return its files, by path.

    Raises `BadArchive` or `TooLarge`; leaves nothing behind either way.
    """
    files = []
    with reading(source, limits) as members:
        for name, content in members:
            digest, count = hashlib.sha256(), 0
            for chunk in content:
                digest.update(chunk)
                count += len(chunk)
            files.append(PackedFile(name, count, digest.hexdigest()))
    return tuple(sorted(files, key=lambda file: file.path.encode()))


def extract(source: Path, target: Path, limits: Limits) -> tuple[Path, ...]:
    """Unpack the archive into ``target``, a new folder that this makes; return the files' paths.

    Files are 0600 and folders 0700. Raises as `inspect` does, and `FileExistsError` when ``target``
    exists; after an error, what was unpacked so far is still in ``target``.
    """
    target.mkdir(mode=0o700, parents=True)
    paths = []
    with reading(source, limits) as members:
        for name, content in members:
            path = target / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o600), "wb") as out:
                for chunk in content:
                    out.write(chunk)
            paths.append(path)
    return tuple(paths)


def read(source: Path, name: str, limit: int) -> bytes:
    """One file of an archive that `inspect` has accepted, at most ``limit`` bytes of it.

    Raises `KeyError` when there is none of this name.
    """
    with zipfile.ZipFile(source) as archive, archive.open(name) as member:
        return member.read(limit)


def write(target: IO[bytes], files: Iterable[tuple[str, Path]]) -> None:
    """Write files of these names, and with the content at these paths, as an archive.

    The same names and contents give the same bytes, everywhere: they are stored as they are, in the
    order of their names' bytes. Raises `FileNotFoundError` for content that is not there.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in sorted(files, key=lambda file: file[0].encode()):
            info = zipfile.ZipInfo(name)
            info.create_system = 3  # Unix, wherever this runs
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.file_size = path.stat().st_size  # for zipfile to choose zip64 where it must
            with path.open("rb") as inside, archive.open(info, "w") as out:
                while chunk := inside.read(_CHUNK):
                    out.write(chunk)


def pack(folder: Path, target: Path) -> None:
    """Write all files below ``folder`` to a new archive ``target``; the same files, the same bytes.

    Raises `BadArchive` for a symlink, a special file, or a name that `check_name` refuses.
    """
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                continue
            if not stat.S_ISREG(mode):
                raise BadArchive(
                    _("{name} is not a regular file. Put a copy of the file there.", name=name)
                )
            info = zipfile.ZipInfo(check_name(name))
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as inside, archive.open(info, "w") as out:
                while chunk := inside.read(_CHUNK):
                    out.write(chunk)


@contextmanager
def reading(source: Path, limits: Limits) -> Iterator[Iterator[tuple[str, Iterator[bytes]]]]:
    """The checked files of an archive with their content; every chunk counts against the limits.

    A file whose content is not asked for is not unpacked. Raises `BadArchive` and `TooLarge`.
    """
    try:
        with source.open("rb") as file:
            _check_list_size(file, limits)
            with zipfile.ZipFile(file) as archive:
                yield _members(archive, limits)
    except _UNREADABLE as error:
        raise BadArchive(_("The archive is damaged and cannot be read. Send it again.")) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # an offset in the archive that is before its begin
            raise BadArchive(
                _("The archive is damaged and cannot be read. Send it again.")
            ) from error
        raise


def _members(archive: zipfile.ZipFile, limits: Limits) -> Iterator[tuple[str, Iterator[bytes]]]:
    files = _check_list(archive.infolist(), limits)
    left = limits.bytes

    def content(info: zipfile.ZipInfo) -> Iterator[bytes]:
        nonlocal left
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise TooLarge(
                        _(
                            "The archive's files are larger than {limit} together. "
                            "Take out what is not needed.",
                            limit=size(limits.bytes),
                        )
                    )
                yield chunk

    for info in files:
        yield info.filename, content(info)


def _check_list(infos: list[zipfile.ZipInfo], limits: Limits) -> list[zipfile.ZipInfo]:
    files: list[zipfile.ZipInfo] = []
    kinds: dict[str, str] = {}
    for info in infos:
        name = check_name(info.orig_filename)
        _check_kind(info, name)
        folded = [_fold(part) for part in name.split("/")]
        for depth in range(1, len(folded)):
            if kinds.setdefault("/".join(folded[:depth]), "folder") != "folder":
                raise BadArchive(
                    _("The archive has a file and a folder of one name, {name!r}.", name=name)
                )
        kind = "folder" if info.is_dir() else "file"
        known = kinds.setdefault("/".join(folded), "")
        if known and (known, kind) != ("folder", "folder"):
            raise BadArchive(
                _("The archive has two files of one name, {name!r}. Rename one.", name=name)
            )
        kinds["/".join(folded)] = kind
        if kind == "file":
            files.append(info)
    _check_endings(files, limits)
    if not files:
        raise BadArchive(_("The archive has no files. Save your work and try again."))
    if len(files) > limits.files:
        raise TooLarge(
            _(
                "The archive has {count} files; {most} are allowed. Take out what is not needed.",
                count=len(files),
                most=limits.files,
            )
        )
    return files


def _check_endings(files: list[zipfile.ZipInfo], limits: Limits) -> None:
    endings = tuple(kind.casefold() for kind in limits.kinds)
    for info in files if endings else ():
        if not info.filename.casefold().endswith(endings):
            raise BadArchive(
                _(
                    "The archive has a file named {name!r}; only {kinds} are taken here. "
                    "Take it out.",
                    name=info.filename,
                    kinds=", ".join(limits.kinds),
                )
            )


def _check_kind(info: zipfile.ZipInfo, name: str) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise BadArchive(
            _(
                "The archive has a symbolic link, {name!r}. Put a copy of the file there.",
                name=name,
            )
        )
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR) > info.is_dir():
        raise BadArchive(
            _("The archive has something that is not a regular file, {name!r}.", name=name)
        )
    if info.is_dir() and info.file_size:
        raise BadArchive(
            _("The archive has a folder with content of its own, {name!r}.", name=name)
        )
    if info.flag_bits & 0x1:
        raise BadArchive(
            _(
                "The archive has an encrypted file, {name!r}. Pack it without a password.",
                name=name,
            )
        )
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadArchive(
            _("The archive packs {name!r} in a way that is not accepted. Use deflate.", name=name)
        )


def _fold(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", part).casefold())


def _check_list_size(file: IO[bytes], limits: Limits) -> None:
    """Refuse a list of members that would fill the memory, before zipfile reads it whole."""
    end = file.seek(0, os.SEEK_END)
    tail_size = min(end, 20 + _END_RECORD_SIZE + 0xFFFF + 1)  # 20: zip64's pointer before it
    file.seek(end - tail_size)
    tail = file.read(tail_size)
    # Where zipfile looks for it, in its order: at the very end, else the last one.
    at = len(tail) - _END_RECORD_SIZE
    if at < 0 or tail[at : at + 4] != _END_RECORD or tail[-2:] != b"\0\0":
        at = tail.rfind(_END_RECORD)
    if at < 0:
        raise BadArchive(_("The archive is not a zip file. Send it again."))
    if tail[at - 20 : at - 16] == b"PK\x06\x07" and at >= 20:
        raise BadArchive(_("The archive is a zip64 file, which is only needed above 4 GB."))
    listed = int.from_bytes(tail[at + 12 : at + 16], "little")
    if listed > limits.files * _BYTES_PER_ENTRY:
        raise TooLarge(
            _(
                "The archive has too many files; {most} are allowed. Take out what is not needed.",
                most=limits.files,
            )
        )
    file.seek(0)

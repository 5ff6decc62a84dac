"""Where environments stand: their versions, the one in use, the lock of who builds."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from courses import names
from courses.environment import is_version
from courses.environments import seal
from courses.environments.image import image_of
from courses.environments.seal import Manifest
from courses.errors import BuildFailed, NotFound

CURRENT = "current"
LOCK = ".lock"
# What begins so is not ready: it is being built, or was when somebody pulled the plug.
UNFINISHED = ".building-"
# A file system without locks, as Lustre is by default, says one of these.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class Shelf:
    """The environments of one course.

    Args:
        root: the folder of all environments.
        course: the course's slug.
    """

    def __init__(self, root: Path, course: str) -> None:
        self.course = names.slug(course)
        self.folder = root.absolute() / self.course

    def __getitem__(self, version: str) -> Path:
        """The folder of a version; raises `NotFound`."""
        folder = self.folder / version
        if not is_version(version) or not (folder / seal.MANIFEST).is_file():
            known = ", ".join(self.versions()) or "none"
            raise NotFound(f"{self.course} has no environment {version!r}. It has: {known}.")
        return folder

    def versions(self) -> list[str]:
        """All versions, by name."""
        if not self.folder.is_dir():
            return []
        return sorted(each.name for each in self.folder.iterdir() if self._has(each.name))

    def _has(self, version: str) -> bool:
        return is_version(version) and (self.folder / version / seal.MANIFEST).is_file()

    def current(self) -> str:
        """The version that new sessions run in; empty when there is none."""
        try:
            version = Path((self.folder / CURRENT).readlink()).name
        except OSError:  # missing; or no link, and then not ours
            return ""
        return version if self._has(version) else ""

    def manifest(self, version: str) -> Manifest:
        """What a version is; raises `NotFound` or `BuildFailed`."""
        try:
            return seal.read(self[version])
        except (OSError, ValueError) as error:
            raise BuildFailed(
                f"{self.folder / version / seal.MANIFEST} cannot be read ({error}). "
                "Build the environment again."
            ) from error

    def use(self, version: str) -> bool:
        """Let new sessions run in this version; whether that is a change. Raises `NotFound`."""
        folder, before = self[version], self.current()
        if version == before:
            return False
        link = self._new()
        link.symlink_to(folder.name)
        link.rename(self.folder / CURRENT)
        sync(self.folder)
        return True

    def add(self, built: Path, version: str) -> Path:
        """Put what was built and sealed under its name, all at once."""
        folder = self.folder / version
        built.rename(folder)
        sync(self.folder)
        return folder

    def remove(self, version: str) -> None:
        """Remove a version, its image too. Raises `NotFound`, and `BuildFailed` for the current."""
        folder = self[version]
        if version == self.current():
            raise BuildFailed(
                f"New sessions of {self.course} run in {version}. Let them use another first: "
                f"lesesal env use {self.course} VERSION"
            )
        image_of(folder).unlink(missing_ok=True)
        # Under a name that nobody finds: what is half removed is no environment.
        gone = self._new()
        folder.rename(gone)
        seal.remove(gone)

    def problems(self, version: str) -> list[str]:
        """How a version, or its image, differs from what was built; none when it does not."""
        folder = self[version]
        return [*seal.problems(folder), *image_of(folder).problems()]

    def make(self) -> None:
        """Make the folder; what is missing on the way to it everybody can enter, whatever the
        umask."""
        missing = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        for each in missing:
            each.chmod(0o755)

    @contextlib.contextmanager
    def building(self, waits: Callable[[], object]) -> Iterator[tuple[Path, tuple[int, ...]]]:
        """Be the only one who builds for this course: a new folder, gone afterwards if not added.

        Gives also the lock's open files: programs that hold them keep the lock. `waits` is called
        when somebody else builds just now. Removes what earlier builders left.
        """
        with self._locked(waits) as held:
            if held:
                for left in self.folder.glob(f"{UNFINISHED}*"):
                    _remove(left)
            new = self._new()
            try:
                new.mkdir()
                new.chmod(0o755)
                yield new, held
            finally:
                for left in self.folder.glob(f"{new.name}*"):
                    _remove(left)

    @contextlib.contextmanager
    def _locked(self, waits: Callable[[], object]) -> Iterator[tuple[int, ...]]:
        with (self.folder / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waits()
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
                # Two may build the same then; the first one's stays.
                yield ()
                return
            yield (file.fileno(),)

    def _new(self) -> Path:
        return self.folder / f"{UNFINISHED}{secrets.token_hex(4)}"


def courses(root: Path) -> list[str]:
    """The slugs of all courses that have an environment."""
    if not root.is_dir():
        return []
    return sorted(each.name for each in root.iterdir() if (each / CURRENT).is_symlink())


def sync(path: Path) -> None:
    """Have a folder's entries, or a file's content, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
        seal.remove(left)
    else:
        left.unlink(missing_ok=True)

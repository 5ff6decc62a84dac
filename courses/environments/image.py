"""An environment as one squashfs image, beside its folder.

The image is mounted over the folder, for the session alone (`enter`). Without it, or where it
cannot be mounted, the folder serves.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from courses.environments import seal
from courses.environments.run import run
from courses.errors import BuildFailed

# A file that is in the image only: who sees it sees the image.
MARK = ".image"
# lz4 over zstd: half the CPU in each session for an image that is half as large again
# (docs/decisions/10-environments.md has the figures).
OPTIONS = ("-comp", "lz4", "-noappend", "-all-root", "-no-progress", "-quiet")


@dataclass(frozen=True)
class Image:
    """An image and its digest, both beside the environment's folder."""

    path: Path

    @property
    def sums(self) -> Path:
        """The file with its SHA-256, as ``sha256sum --check`` reads it."""
        return self.path.with_name(f"{self.path.name}.sha256")

    @property
    def ready(self) -> bool:
        """Whether it is there. Its digest is there first."""
        return self.path.is_file()

    def unlink(self, *, missing_ok: bool) -> None:
        """Remove both files."""
        self.path.unlink(missing_ok=missing_ok)
        self.sums.unlink(missing_ok=missing_ok)

    def problems(self) -> list[str]:
        """How it differs from what was made, a sentence each; none when there is no image."""
        if not self.ready:
            return []
        try:
            wanted = self.sums.read_text(encoding="ascii").split()[0]
        except (OSError, IndexError):
            return [f"{self.sums.name} cannot be read."]
        return [] if seal.digest_of(self.path) == wanted else [f"{self.path.name} was changed."]


def image_of(folder: Path) -> Image:
    """The image of an environment, there or not."""
    return Image(folder.with_name(f"{folder.name}.squashfs"))


def mksquashfs() -> str:
    """The program that makes images. Raises `BuildFailed`."""
    found = shutil.which("mksquashfs", path="/usr/bin:/usr/sbin:/bin:/sbin")
    found = found or shutil.which("mksquashfs")
    if not found:
        raise BuildFailed("mksquashfs is not installed (Debian package squashfs-tools).")
    return found


def make(folder: Path, scratch: Path, held: Sequence[int]) -> Image:
    """Make the image of an environment. `scratch` is a new name in the same file system.

    Raises `BuildFailed`.
    """
    image = image_of(folder)
    new = scratch.with_name(f"{scratch.name}.squashfs")
    run([mksquashfs(), folder, new, *OPTIONS, "-p", f"{MARK} f 0444 0 0 true"], keep=held)
    new.chmod(0o444)
    run(["sync", new], keep=held)
    image.sums.unlink(missing_ok=True)
    image.sums.write_text(f"{seal.digest_of(new)}  {image.path.name}\n", encoding="ascii")
    image.sums.chmod(0o444)
    new.rename(image.path)
    return image

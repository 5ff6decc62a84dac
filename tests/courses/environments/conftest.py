"""A session side of a few small packages, so that a whole build takes a second."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment_kit import BACKEND, PROJECT, Site, pins

PACKAGES = ("hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers")


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release's folder."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "requirements").mkdir()
    (folder / "requirements" / "session.txt").write_text(pins("session.txt", *PACKAGES))
    package = folder / "extensions" / "lesesal_notebook"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "later.py").write_text("")
    (package.parent / "pyproject.toml").write_text(PROJECT)
    (package.parent / "backend.py").write_text(BACKEND)
    return folder


@contextlib.contextmanager
def umask() -> Iterator[None]:
    """Whatever the operator's is."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def a_site(release: Path) -> Iterator[Site]:
    """A course with an environment, and a folder that other accounts can enter."""
    # pytest's own folders are their owner's alone.
    with tempfile.TemporaryDirectory(prefix="lesesal-env-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        site = Site(folder / "course", folder / "environments", release)
        site.write(pins("dev.txt", "iniconfig"))
        try:
            yield site
        finally:
            # What is sealed is its owner's to remove only once it may be written.
            for place, _, _ in os.walk(folder):
                Path(place).chmod(0o700)


@pytest.fixture
def site(release: Path) -> Iterator[Site]:
    """See `a_site`."""
    with a_site(release) as site, umask():
        yield site


@pytest.fixture(scope="session")
def template(release: Path) -> Iterator[Site]:
    """A site with its environment built, and an image."""
    with a_site(release) as site:
        with umask():
            site.build(squashfs=shutil.which("mksquashfs") is not None)
        yield site


@pytest.fixture
def built(site: Site, template: Site) -> Site:
    """The site, its environment built: a copy, for time's sake. Without the image."""
    shelf = template.shelf
    site.shelf.make()
    for name in (shelf.current(), "current"):
        subprocess.run(["cp", "-a", shelf.folder / name, site.shelf.folder], check=True)
    return site


@pytest.fixture
def with_image(built: Site, template: Site) -> Site:
    """The same with the image."""
    for each in template.shelf.folder.glob("*.squashfs*"):
        shutil.copy2(each, built.shelf.folder)
    return built

"""A course's folder in a real repository, with a remote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from courses import git
from courses.errors import CatalogueError


def run(folder: Path, *argv: str) -> str:
    """git as the instructor has it, without this machine's configuration."""
    identity = ("-c", "user.name=instructor", "-c", "user.email=instructor@example.org")
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(
        ["git", *identity, "-C", str(folder), *argv],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The instructor's own work tree, with one commit, and a remote that has it."""
    theirs, remote = tmp_path / "theirs", tmp_path / "remote.git"
    theirs.mkdir()
    run(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    run(theirs, "init", "--quiet", "--initial-branch=main")
    run(theirs, "remote", "add", "origin", str(remote))
    commit(theirs, "one")
    run(theirs, "push", "--quiet", "--set-upstream", "origin", "main")
    return theirs


@pytest.fixture
def ours(tmp_path: Path, theirs: Path) -> Path:
    """What the operator cloned."""
    run(tmp_path, "clone", "--quiet", str(tmp_path / "remote.git"), str(tmp_path / "ours"))
    return tmp_path / "ours"


def commit(folder: Path, text: str) -> str:
    (folder / "course.toml").write_text(text)
    run(folder, "add", ".")
    run(folder, "commit", "--quiet", "-m", text)
    return run(folder, "rev-parse", "HEAD")


def test_the_revision_says_when_files_are_not_what_it_names(theirs: Path, tmp_path: Path) -> None:
    assert git.revision(tmp_path) == ""
    head = run(theirs, "rev-parse", "HEAD")
    assert git.revision(theirs) == head
    (theirs / "course.toml").write_text("changed")
    assert git.revision(theirs) == f"{head}+"


def test_what_is_new_comes_from_the_remote(theirs: Path, ours: Path) -> None:
    two = commit(theirs, "two")
    run(theirs, "push", "--quiet")
    assert git.revision(ours) != two
    assert git.pull(ours)
    assert git.revision(ours) == two
    assert (ours / "course.toml").read_text() == "two"


def test_a_folder_without_a_remote_is_left_alone(tmp_path: Path) -> None:
    assert not git.pull(tmp_path)


def test_what_would_need_a_merge_is_refused(theirs: Path, ours: Path) -> None:
    commit(theirs, "two")
    run(theirs, "push", "--quiet")
    mine = commit(ours, "mine")
    with pytest.raises(CatalogueError, match="git cannot bring in what is new"):
        git.pull(ours)
    assert git.revision(ours) == mine


def test_nothing_of_the_folders_own_configuration_is_run(theirs: Path, ours: Path) -> None:
    ran = ours.parent / "ran"
    hook = ours / ".git" / "hooks" / "post-merge"
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    run(ours, "config", "core.fsmonitor", str(hook))
    commit(theirs, "two")
    run(theirs, "push", "--quiet")
    assert git.pull(ours)
    assert git.revision(ours)
    assert not ran.exists()

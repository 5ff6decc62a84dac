"""Accounts that grade, shared out among runs that go on at the same time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from courses.language import gettext as _

from .queue import Say

POLL = 1.0


def hold(shared: Path, accounts: Sequence[str], say: Say, held: ExitStack) -> Sequence[str]:
    """The accounts that no other run has; waits until there is one. They are held until the end."""
    folder = shared / ".accounts"
    folder.mkdir(mode=0o700, exist_ok=True)
    told = False
    while True:
        mine = [name for name in accounts if _lock(folder / name, held)]
        if mine:
            return mine
        if not told:
            told = True
            say(_("Another run has all accounts that grade; this one waits until one is free."))
        time.sleep(POLL)


def _lock(path: Path, held: ExitStack) -> bool:
    file: IO[bytes] = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.callback(file.close)
    return True

"""A desk's errands: `work` in a process, one at a time, and what it answers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .values import DeskError
from .words import _

# Seconds that a process gets to stop the kernel that it has started.
PATIENCE = 10.0
# In the session's folder: what the last errand said that is not for the person.
LOG = "desk.log"


@dataclass(frozen=True)
class Done:
    """What came of an errand.

    Attributes:
        answer: of the action.
        notes: sentences that nbgrader said besides.
    """

    answer: Any
    notes: tuple[str, ...]


Step = Callable[[dict[str, Any]], None]


class Errands:
    """Runs one errand at a time."""

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(self, action: str, subject: str, step: Step | None = None) -> Done:
        """Run an action of `work`, and wait for it.

        Raises `DeskError`, whose sentence is for the person, also when another errand is under way.
        """
        if not self._one.acquire(blocking=False):
            raise DeskError(_("Something else is under way at the desk. Wait until it is done."))
        try:
            return self._run(action, subject, step)
        except OSError:
            raise DeskError(self._broken(action)) from None
        finally:
            self._one.release()

    def stop(self) -> None:
        """End a validation that is under way; its `run` raises `DeskError`."""
        if (process := self._process) and process.stdin:
            self._stopped = True
            process.stdin.close()

    def _run(self, action: str, subject: str, step: Step | None) -> Done:
        self._stopped = False
        last: dict[str, Any] = {}
        with _process(action, subject) as self._process:
            try:
                for last in _lines(self._process):
                    if step and "step" in last:
                        step(last["step"])
            finally:
                self._process = None
        if "failed" in last:
            raise DeskError(str(last["failed"]))
        if "done" not in last:
            raise DeskError(self._broken(action))
        return Done(last["done"], tuple(last["notes"]))

    def _broken(self, action: str) -> str:
        if self._stopped:
            return _("Stopped. Your files are as they were.")
        if action == "submit":
            return _(
                "It broke off, and the classroom may or may not have received what was sent. Submit"
                " again: the same files are never taken twice."
            )
        return _("It broke off. Your files are as they were. Try again.")


@contextlib.contextmanager
def _process(action: str, subject: str) -> Iterator[subprocess.Popen[str]]:
    with Path(os.environ["LESESAL_SESSION_DIR"], LOG).open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.work", action, subject],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            encoding="utf-8",
            # An interrupt of the kernel is the kernel's.
            start_new_session=True,
        )
    try:
        yield process
    except BaseException:
        process.terminate()
        raise
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lines(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    for line in process.stdout or ():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found

"""What ends a task before its notebook does. Imported before anything that takes long."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from typing import Any

from . import files
from .look import CANCELLED, OUT_OF_TIME

# Seconds from the cluster's warning to the job's end; the warning is the hub's to ask for.
NOTICE = 120.0
# Seconds before the end at which the notebook is interrupted, and at which its kernel is killed.
INTERRUPT, KILL = 20.0, 10.0


class Kernel:
    """The kernel of the notebook that runs now, for signals that come at any time."""

    def __init__(self) -> None:
        self.manager: Any = None
        self._over = False

    def interrupt(self) -> None:
        """As the stop button does."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End it and what it has started, and let no other one begin."""
        self._over = True
        self._signal(signal.SIGKILL)

    def take(self, manager: Any) -> None:
        """From here on it is this one."""
        self.manager = manager
        if self._over:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        provisioner = getattr(self.manager, "provisioner", None)
        pid = getattr(provisioner, "pid", None)
        if pid:
            # It leads a process group of its own (jupyter_client's local provisioner).
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)


class Stop:
    """What ends a task before its notebook does: the cluster's warning, or its order."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.word = ""
        self.folder: Path | None = None
        self.told = False

    def listen(self) -> None:
        """Take the cluster's signals from here on."""
        signal.signal(signal.SIGUSR1, lambda *_: self.warn())
        signal.signal(signal.SIGTERM, lambda *_: self.order())

    def warn(self) -> None:
        """The time is nearly over: let the notebook stop by itself, and make it stop then."""
        if self.told:
            return
        self.told = True
        self.mark()
        for before, action in ((INTERRUPT, self._interrupt), (KILL, self.kernel.kill)):
            timer = threading.Timer(max(NOTICE - before, 0), action)
            timer.daemon = True
            timer.start()

    def order(self) -> None:
        """End now; a job whose time is over is ended the same way."""
        self.word = self.word or (OUT_OF_TIME if self.told else CANCELLED)
        self.kernel.kill()

    def mark(self) -> None:
        """Put the file there that the notebook's `ending` looks for."""
        if self.folder is not None and self.told:
            with contextlib.suppress(OSError):
                (self.folder / files.ENDING).touch()

    def _interrupt(self) -> None:
        self.word = self.word or OUT_OF_TIME
        self.kernel.interrupt()

"""A worker: takes tasks of a run one after another, so many at a time, in one process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from .kernel import Kernel
from .notebook import NotebookRun
from .runs import KEY, Run
from .servers import Servers, StartError
from .verdicts import RETRY, Reason, Verdict, together

_LOG = logging.getLogger(__name__)

Tell = Callable[[dict[str, str]], None]


class Worker:
    """Executes tasks.

    Args:
        servers: has a fork server, or makes a new one.
        tell: is called with each event.
        patience: as `NotebookRun` has it.
    """

    def __init__(self, run: Run, servers: Servers, tell: Tell, patience: float = 1.0) -> None:
        self._run = run
        self._servers = servers
        self._tell = tell
        self._patience = patience

    async def work(self, keys: asyncio.Queue[str | None], at_a_time: int) -> None:
        """Execute tasks until a None comes, then end what runs."""
        async with asyncio.TaskGroup() as group:
            for _ in range(at_a_time):
                group.create_task(self._take(keys))

    async def _take(self, keys: asyncio.Queue[str | None]) -> None:
        while (key := await keys.get()) is not None:
            if KEY.fullmatch(key):
                await self.execute(key)
            else:
                _LOG.error("%r is no key of a task.", key)
        # For the next one.
        keys.put_nowait(None)

    async def execute(self, key: str) -> None:
        """Execute one task, unless it has a result, and write its result."""
        if state := self._run.state(key):
            self._tell({"key": key, "event": "ended", "state": state})
            return
        self._tell({"key": key, "event": "started"})
        begun = time.monotonic()
        usage = {"cpu_seconds": 0.0, "memory_bytes": 0}
        done: dict[str, tuple[NotebookNode, Verdict]] = {}
        try:
            for name in self._run.notebooks(key):
                done[name] = await self._notebook(key, name, usage)
            state, reason, evidence = together(verdict for _, verdict in done.values())
        except StartError as error:
            state, reason, evidence = RETRY, Reason("sandbox", {"says": str(error)}), []
            done = {}
        except Exception:
            _LOG.exception("The task %s could not be executed.", key)
            state, reason, evidence, done = RETRY, Reason("lost"), [], {}
        result = {
            "state": state,
            "reason": reason.to_dict(),
            "evidence": [one.to_dict() for one in evidence],
            "seconds": round(time.monotonic() - begun, 4),
            **usage,
            "notebooks": {
                name: {
                    "cells": verdict.cells,
                    "seconds": round(verdict.seconds, 4),
                    "tests": {cell: round(took, 4) for cell, took in verdict.tests.items()},
                }
                for name, (_, verdict) in done.items()
            },
        }
        self._run.write(key, result, {name: notebook for name, (notebook, _) in done.items()})
        self._tell({"key": key, "event": "ended", "state": state})

    async def _notebook(
        self, key: str, name: str, usage: dict[str, Any]
    ) -> tuple[NotebookNode, Verdict]:
        notebook = self._run.read(key, name)
        server, folder = await self._servers.get()
        kernel = Kernel(server, folder, self._run.limits["output_bytes"])
        try:
            info = await kernel.start(self._run.sandbox(key, self._patience), {})
            notebook.metadata["language_info"] = info.get("language_info", {})
            stem = Path(name).stem
            limits = self._run.limits
            verdict = await NotebookRun(notebook, stem, kernel, limits, self._patience).run()
            account = await kernel.close()
            usage["cpu_seconds"] += float(account.get("cpu_seconds", 0.0))
            used = int(account.get("memory_bytes", 0))
            usage["memory_bytes"] = max(usage["memory_bytes"], used)
        finally:
            kernel.drop()
        return notebook, verdict

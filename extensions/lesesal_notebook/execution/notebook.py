"""A notebook from its first cell to its last, and what is believed of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from nbformat import NotebookNode

from . import cells
from .belief import compare, is_forged, is_possible, keep
from .canaries import canary
from .kernel import Exchange, Kernel
from .outputs import Outputs, error, is_error, node
from .verdicts import Reason, Verdict, why

GRACE_SECONDS = 4.0
"""How long a cell may take to end after an interrupt: nbclient's iopub_timeout."""

TIMEOUT = error(
    "CellTimeoutError",
    "",
    # nbgrader's own (nbgrader.preprocessors.Execute.error_on_timeout).
    ["\x1b[0;31mCellTimeoutError\x1b[0m: No reply from kernel before timeout"],
)


class _Ended(Exception):
    """The notebook can't go on."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class NotebookRun:
    """Executes one notebook in one kernel.

    Args:
        notebook: is changed: its outputs are written.
        name: what it is called in reasons.
        limits: the fields of `courses.grades.Limits`.
        patience: how many times as long the limits of wall clock are, where cores are shared.
    """

    def __init__(
        self,
        notebook: NotebookNode,
        name: str,
        kernel: Kernel,
        limits: Mapping[str, Any],
        patience: float = 1.0,
    ) -> None:
        self._notebook = notebook
        self._name = name
        self._kernel = kernel
        self._limits = limits
        self._patience = patience
        self._outputs = Outputs(notebook, kernel.send)
        self._verdict = Verdict()
        self._checks: frozenset[str] = frozenset()
        self._end = 0.0
        self._strays = 0

    async def run(self) -> Verdict:
        """Run all cells. Every graded cell that did not, or that is not believed, has an error."""
        begun = time.monotonic()
        self._end = begun + self._patience * float(self._limits["seconds"])
        left = list(enumerate(self._notebook.cells))
        for _, cell in left:
            if cell.cell_type == "code":
                cell.outputs = []
                cell.execution_count = None
        ended: Reason | None = None
        fresh = True
        while left:
            index, cell = left.pop(0)
            if not cells.is_run(cell):
                continue
            try:
                if cells.is_tested(cell):
                    await self._test(cell, index, fresh=fresh)
                else:
                    self._outputs.begin(cell)
                    await self._plain(cell, index)
                fresh = not cells.is_tested(cell)
            except _Ended as end:
                ended = end.reason
                self._mark(cell, f"This cell was ended, because {why(ended)}.")
                break
            if cells.is_ours(cell):
                self._checks |= cells.checks_in(cell.source)
        for _, cell in left:
            if ended and cells.is_graded(cell) and cells.is_run(cell):
                self._mark(cell, f"This cell did not run, because {why(ended)}.")
        self._judge(ended)
        self._outputs.finish()
        self._verdict.seconds = time.monotonic() - begun
        return self._verdict

    def _judge(self, ended: Reason | None) -> None:
        if ended and ended.kind != "canary":
            self._verdict.failure = self._verdict.failure or ended
        if any(reason.kind == "canary" for reason in self._verdict.evidence):
            # From when on nobody knows.
            for cell in self._notebook.cells:
                if cells.is_tested(cell):
                    self._mark(
                        cell,
                        "This cell's result is not believed: the kernel did not report"
                        " an error that must be one.",
                    )

    async def _plain(self, cell: NotebookNode, index: int) -> None:
        """A cell that nothing depends on."""
        exchange = await self._ask(cell.source, cell, index, self._cell_end(), store_history=True)
        self._verdict.cells += 1
        self._add_reply(cell, exchange)

    async def _test(self, cell: NotebookNode, index: int, *, fresh: bool) -> None:
        """A cell whose outputs nbgrader reads points from."""
        checks = self._checks | cells.checks_in(cell.source)
        shape = cells.shape(cell.source, checks)
        self._outputs.begin(cell)
        for _ in range(1 if fresh else _now_and_then()):
            await self._canary(cell, index, shape)
        self._strays = self._kernel.strays
        begun, end = time.monotonic(), self._cell_end()
        exchanges: list[Exchange] = []
        problem = ""
        try:
            for number, part in enumerate(shape.parts):
                exchange = await self._ask(part.code, cell, index, end, store_history=number == 0)
                exchanges.append(exchange)
                if not exchange.replies or exchange.replies[0].get("status") != "ok":
                    break
                problem = compare(part, exchange)
                if problem:
                    break
        finally:
            self._verdict.tests[cells.name(cell, index)] = time.monotonic() - begun
        self._verdict.cells += 1
        count = exchanges[0].replies[0].get("execution_count") if exchanges[0].replies else None
        cell.execution_count = count if type(count) is int else None
        self._add_reply(cell, exchanges[-1])
        if problem:
            cell.outputs.append(error("AssertionError", problem))
        self._outputs.seal(index)
        for _ in range(1 + _now_and_then()):
            await self._canary(cell, index, shape)
        # By now, whatever was sent for this cell has arrived.
        self._settle(cell, index, shape, exchanges)

    async def _ask(
        self, code: str, cell: NotebookNode, index: int, end: float, *, store_history: bool
    ) -> Exchange:
        """Send code; returns when it is done. Raises _Ended when the notebook is."""
        take = partial(self._outputs.take, cell=cell, index=index)
        exchange = await self._kernel.execute(
            code, take, seconds=end - time.monotonic(), store_history=store_history
        )
        if not exchange.done.done():
            await self._interrupt(exchange, cell, index)
        elif exchange.done.result():
            raise _Ended(self._why_ended(exchange.done.result(), cell, index))
        return exchange

    async def _interrupt(self, exchange: Exchange, cell: NotebookNode, index: int) -> None:
        """As nbclient with ``interrupt_on_timeout``; a kernel that does not heed it is ended."""
        facts = {"notebook": self._name, "cell": cells.name(cell, index)}
        if time.monotonic() >= self._end:
            facts.pop("cell")
            reason = Reason("timeout", facts | {"seconds": self._limits["seconds"]})
            raise _Ended(reason)
        reason = Reason("cell-timeout", facts | {"seconds": self._limits["cell_seconds"]})
        self._verdict.failure = self._verdict.failure or reason
        self._kernel.interrupt()
        await self._kernel.wait(exchange, GRACE_SECONDS)
        if not exchange.done.done():
            raise _Ended(reason)
        if exchange.done.result():
            raise _Ended(self._why_ended(exchange.done.result(), cell, index))
        cell.outputs.append(node(TIMEOUT))
        exchange.replies[0]["status"] = "error"

    def _cell_end(self) -> float:
        most = self._patience * float(self._limits["cell_seconds"])
        return min(self._end, time.monotonic() + most)

    def _why_ended(self, how: str, cell: NotebookNode, index: int) -> Reason:
        facts: dict[str, Any] = {"notebook": self._name, "cell": cells.name(cell, index)}
        if how == "output":
            return Reason("output", facts | {"bytes": self._limits["output_bytes"]})
        limit = self._kernel.ended.result().get("limit")
        if limit == "memory":
            return Reason("memory", facts | {"bytes": self._limits["memory_bytes"]})
        if limit in ("cpu", "time"):
            key = "cpu_seconds" if limit == "cpu" else "seconds"
            facts = {"notebook": self._name, "seconds": self._limits[key]}
            return Reason("cpu" if limit == "cpu" else "timeout", facts)
        return Reason("died", facts)

    async def _canary(self, cell: NotebookNode, index: int, shape: cells.Shape) -> None:
        """Raises _Ended when what must fail does not."""
        made = canary(secrets.choice(shape.parts).code)
        exchange = await self._kernel.execute(
            made.code,
            lambda _: None,
            seconds=self._cell_end() - time.monotonic(),
            store_history=False,
        )
        if not exchange.done.done():
            facts = {"notebook": self._name, "cell": cells.name(cell, index)}
            seconds = self._limits["cell_seconds"]
            raise _Ended(Reason("cell-timeout", facts | {"seconds": seconds}))
        if exchange.done.result():
            raise _Ended(self._why_ended(exchange.done.result(), cell, index))
        expected = {"ename": made.ename, "evalue": made.evalue}
        replied = [{key: one.get(key) for key in expected} for one in exchange.replies]
        shown = [{key: one.get(key) for key in expected} for one in exchange.errors]
        if (
            replied != [expected]
            or shown != [expected]
            or exchange.replies[0].get("status") != "error"
            or exchange.results
            or exchange.inputs != [made.code]
        ):
            self._suspect("canary", cell, index)
            raise _Ended(self._verdict.evidence[-1])

    def _suspect(self, kind: str, cell: NotebookNode, index: int) -> None:
        facts = {"notebook": self._name, "cell": cells.name(cell, index)}
        self._verdict.evidence.append(Reason(kind, facts))

    def _add_reply(self, cell: NotebookNode, exchange: Exchange) -> None:
        """As nbgrader's Execute: an error that was replied, and not shown, is shown."""
        reply = exchange.replies[0]
        if reply.get("status") == "ok" or not is_error(reply):
            return
        names = [one.ename for one in cell.outputs if one.output_type == "error"]
        if reply["ename"] not in names:
            nothing = ["ERROR: An error occurred while showtraceback was disabled"]
            trace = reply["traceback"] or nothing
            cell.outputs.append(error(reply["ename"], reply["evalue"], trace))

    def _settle(
        self, cell: NotebookNode, index: int, shape: cells.Shape, exchanges: list[Exchange]
    ) -> None:
        """See to it that nothing gives points that the cell's own code did not."""
        failed = [one for one in exchanges if one.errors or one.replies[0].get("status") != "ok"]
        forged = self._kernel.strays > self._strays or any(map(is_forged, exchanges))
        *before, last = exchanges
        whole = len(exchanges) == len(shape.parts)
        most = 1 if shape.gives_result and whole else 0
        forged |= any(one.results for one in before) or len(last.results) > most
        for part, one in zip(shape.parts, exchanges, strict=False):
            handed = 1 if part.expectation else 0
            forged |= len(one.handed) > handed
        for result in last.results:
            forged |= not is_possible(result, cells.points(cell))
        if forged:
            self._suspect("forged", cell, index)
            reason = self._verdict.evidence[-1]
            self._mark(cell, f"This cell's result is not believed: {why(reason)}.")
        shown = [one for one in cell.outputs if one.output_type == "error"]
        if failed and not shown:
            # It was cleared away.
            self._mark(cell, "An error was reported, and taken back.")
        elif shown:
            # nbgrader takes a result for the points, unless an error is before it.
            rest = [one for one in cell.outputs if one.output_type != "error"]
            if any(one.output_type == "execute_result" for one in rest):
                cell.outputs = [*shown, *rest]
        for result in last.results:
            keep(cell, result)

    def _mark(self, cell: NotebookNode, says: str) -> None:
        """An error in front of all else, so that the cell gives no points."""
        if cell.cell_type == "code":
            cell.outputs = [error("NotGraded", says), *cell.outputs]


def _now_and_then() -> int:
    """How many canaries more than there must be."""
    return int(secrets.randbelow(4) == 0)

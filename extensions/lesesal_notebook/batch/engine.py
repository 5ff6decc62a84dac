"""papermill's engine for batch jobs: tells of each cell, and lets its kernel be ended."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_runtime_dir
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from .stop import Kernel

ENGINE = "lesesal-batch"
# Bytes of text that a cell may leave in the notebook; a loop that prints for hours fills memory.
LARGEST_TEXT = 5 << 20
# Seconds for what a cell has shown to come after its end: nbclient's four are few on a full node.
LATE_OUTPUT = 60


class Client(PapermillNotebookClient):
    """Runs a notebook's cells; see `Engine`."""

    def __init__(
        self, book: Any, kernel: Kernel, on_cell: Callable[[int, int], None], **options: Any
    ) -> None:
        super().__init__(book, **options)
        self._kernel = kernel
        self._on_cell = on_cell
        self._text = (-1, 0)
        code = [
            index
            for index, cell in enumerate(self.nb.cells)
            if cell.cell_type == "code" and cell.source.strip()
        ]
        self._numbers = {index: number for number, index in enumerate(code, 1)}

    def create_kernel_manager(self) -> Any:
        """See nbclient; nobody else on the machine can listen to this kernel, or speak to it."""
        manager = super().create_kernel_manager()
        manager.transport = "ipc"
        manager.ip = str(Path(jupyter_runtime_dir(), f"kernel-{secrets.token_hex(4)}"))
        return manager

    def start_new_kernel(self, **options: Any) -> None:
        """See nbclient."""
        super().start_new_kernel(**options)
        self._kernel.take(self.km)

    def papermill_execute_cells(self) -> None:
        """See papermill; a kernel that dies is a failure of its cell too."""
        try:
            super().papermill_execute_cells()
        except DeadKernelError as error:
            index = next(
                index
                for index, cell in reversed(list(enumerate(self.nb.cells)))
                if cell.metadata.papermill.get("start_time")
            )
            self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
            raise

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        """See nbclient."""
        if cell_index in self._numbers:
            self._on_cell(self._numbers[cell_index], len(self._numbers))
        return super().execute_cell(cell, cell_index, **options)

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """See nbclient; of endless text the first part stays."""
        if msg["msg_type"] == "stream":
            index, seen = self._text
            before = seen if index == cell_index else 0
            seen = before + len(msg["content"]["text"])
            self._text = (cell_index, seen)
            if before > LARGEST_TEXT:
                return None
            if seen > LARGEST_TEXT:
                msg["content"]["text"] = "\n[This cell prints too much; the rest is left out.]\n"
        return super().process_message(msg, cell, cell_index)


class Engine(NBClientEngine):
    """Runs notebooks with `Client`; of papermill's, with ``kernel`` and ``on_cell`` besides."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        kernel: Kernel,
        on_cell: Callable[[int, int], None],
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        **_options: Any,
    ) -> Any:
        """See papermill."""
        return Client(
            nb_man,
            kernel,
            on_cell,
            kernel_name=kernel_name,
            startup_timeout=start_timeout,
            iopub_timeout=LATE_OUTPUT,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
        ).execute()


papermill_engines.register(ENGINE, Engine)

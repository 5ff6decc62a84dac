"""What a fork server is asked for, and what it answers: values, and lines of JSON for them.

One connection is one kernel's life. The asking side sends a `KernelRequest`, then any number of
``{"signal": NUMBER}``. The server answers ``{"event": "started", "pid": NUMBER}``, and at the end
of the kernel ``{"event": "ended", "status": NUMBER, "account": {...}}``: the status as
`subprocess.Popen.returncode` gives it, the account as the sandbox wrote it (empty without one). A
kernel that could not be made ends with ``{"event": "failed", "says": SENTENCE}`` instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MOST = 1 << 20
"""The most bytes that a request may have."""


@dataclass(frozen=True)
class KernelRequest:
    """One kernel to be forked.

    Attributes:
        connection: a connection file's content (jupyter_client), ``ip`` absolute with ``ipc``.
        connection_file: where it lies, for what asks the kernel for it; empty where nowhere.
        folder: the working folder; with a sandbox, the sandbox says where it works.
        environment: all of the kernel's environment variables.
        arguments: more words of ipykernel's command line; a lean kernel takes none.
        lean: leave out what grading does not need: debugger, subshells, heartbeat, control channel,
            profile and history files.
        sandbox: a `lesesal_notebook.kernels.sandbox.Sandbox` as a dictionary; None for none.
    """

    connection: Mapping[str, Any]
    connection_file: str = ""
    folder: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    lean: bool = False
    sandbox: Mapping[str, Any] | None = None

    def to_line(self) -> bytes:
        return line(asdict(self))

    @classmethod
    def from_line(cls, text: bytes) -> KernelRequest:
        """Raises ValueError where it is not one."""
        read = json.loads(text)
        try:
            return cls(**(read | {"arguments": tuple(read["arguments"])}))
        except (KeyError, TypeError) as error:
            raise ValueError(f"This is no request for a kernel: {error}.") from error


def line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def lines(buffer: bytearray) -> list[bytes]:
    """Take the whole lines out of what arrived; the rest stays."""
    *whole, rest = bytes(buffer).split(b"\n")
    buffer[:] = rest
    return whole

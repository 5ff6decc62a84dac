"""What a sandbox has used so far, as whoever measures it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Usage:
    """Attributes:
    cpu_seconds: of all processes, also those that ended.
    memory_bytes: the most that was seen at a time.
    killed: whether something was killed for want of memory.
    refused: whether a process could not be started because there were too many.
    """

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    killed: bool = False
    refused: bool = False


class Meter(Protocol):
    """Measures one sandbox. ``by`` is "cgroup" or "watch"."""

    by: str

    def look(self) -> Usage:
        """As of now; also when everything has ended."""

"""The energy that a GPU used since a session first looked at it.

Most cards count it. What the counter said first is kept in the session's folder, so that all of a
session, its kernels and its pages count from the same moment. For other cards it is reckoned
from the power that was seen, by each process for itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

JOULES = 3600.0
"""In a watt-hour."""


@dataclass(frozen=True)
class Energy:
    """What was used.

    Attributes:
        watt_hours: how much.
        since: from when on, in seconds since 1970.
        counted: by the card itself; else it is reckoned from the power that was seen.
    """

    watt_hours: float
    since: float
    counted: bool


@dataclass
class _Seen:
    """What is known of one card: its counter at first, or what was seen of its power so far."""

    since: float
    millijoules: int | None = None
    joules: float = 0.0
    watts: float | None = None
    at: float = 0.0


class Ledger:
    """Keeps what was seen first, for one session.

    Args:
        folder: the session's; None to count from this process's first look.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._seen: dict[str, _Seen] = {}

    def take(
        self, uuid: str, millijoules: int | None, watts: float | None, now: float
    ) -> Energy | None:
        """Account of one card. None when it tells neither energy nor power.

        Args:
            millijoules: what its counter says.
            watts: what it draws.
            now: seconds since 1970.
        """
        if millijoules is None:
            return None if watts is None else self._reckon(uuid, watts, now)
        seen = self._seen.get(uuid)
        if seen is None or seen.millijoules is None:
            seen = self._seen[uuid] = self._first(uuid, millijoules, now)
        if seen.millijoules is None or millijoules < seen.millijoules:
            # Its driver was loaded anew: the counter began at nothing.
            seen = self._seen[uuid] = _Seen(now, millijoules)
        used = (millijoules - (seen.millijoules or 0)) / 1000
        return Energy(used / JOULES, seen.since, counted=True)

    def _reckon(self, uuid: str, watts: float, now: float) -> Energy:
        seen = self._seen.setdefault(uuid, _Seen(now))
        if seen.watts is not None:
            seen.joules += (seen.watts + watts) / 2 * max(0.0, now - seen.at)
        seen.watts, seen.at = watts, now
        return Energy(seen.joules / JOULES, seen.since, counted=False)

    def _first(self, uuid: str, millijoules: int, now: float) -> _Seen:
        """What somebody of this session saw first; this, if nobody did."""
        own = _Seen(now, millijoules)
        if self._folder is None:
            return own
        file = self._folder / f"energy-{re.sub('[^A-Za-z0-9-]', '_', uuid)}.json"
        draft = self._folder / f".energy-{secrets.token_hex(8)}"
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps({"since": now, "millijoules": millijoules}))
            with contextlib.suppress(FileExistsError):
                os.link(draft, file)
            draft.unlink()
        try:
            kept = json.loads(file.read_text("utf-8"))
            return _Seen(float(kept["since"]), int(kept["millijoules"]))
        except (OSError, ValueError, LookupError, TypeError):
            return own


def session_ledger() -> Ledger:
    """That of the session which this process belongs to."""
    folder = os.environ.get("LESESAL_SESSION_DIR", "")
    return Ledger(Path(folder) if folder else None)

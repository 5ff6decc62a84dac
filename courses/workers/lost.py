"""What is said of workers that were lost, and what is written when it was the last."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from courses.language import gettext as _
from courses.language import ngettext

LOST = {
    "state": "retry",
    "reason": {"kind": "lost", "facts": {}},
    "evidence": [],
    "seconds": 0,
    "cpu_seconds": 0,
    "memory_bytes": 0,
    "notebooks": {},
}


def give_up(run: Path, key: str) -> None:
    """Write that all its workers were lost, unless one of them has written a result by now."""
    results = run / "results"
    results.mkdir(mode=0o700, exist_ok=True)
    file = results / f".{key}.{secrets.token_hex(4)}"
    file.write_text(json.dumps(LOST), encoding="utf-8")
    try:
        # Unlike a renaming, this does not replace what is there.
        os.link(file, results / f"{key}.json")
    except FileExistsError:
        pass
    finally:
        file.unlink()


def ended_early(word: str, count: int) -> str:
    """What became of a task of Slurm's, by Slurm's word for its state, and of its submissions."""
    reasons = {
        "NODE_FAIL": _("a node was lost"),
        "CANCELLED": _("somebody cancelled the job"),
        "TIMEOUT": _("its time was up"),
        "OUT_OF_MEMORY": _("it used up its memory"),
        "PREEMPTED": _("other jobs went before it"),
    }
    return ngettext(
        "A worker ended early ({reason}): {count} submission is tried again.",
        "A worker ended early ({reason}): {count} submissions are tried again.",
        count,
        reason=reasons.get(word, word.lower() or _("Slurm does not know why")),
    )

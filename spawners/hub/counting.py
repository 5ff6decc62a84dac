"""A session that waits in a cluster's queue, or for its turn (`turns`), is no load for the hub: how
it is kept out of a limit.

``JupyterHub.concurrent_spawn_limit`` protects the hub from too many sessions that boot at once. The
hub counts whatever is pending a spawn, by adding ``"_pending"`` to the spawner's own word for it
(``UserDict.count_active_users``). For a session in the queue that word counts under another name,
and is the hub's own word everywhere else.
"""

from __future__ import annotations

from ..launch import Launch, Phase


class Waiting(str):
    """The hub's ``"spawn"``, counted as ``"queue_pending"``."""

    __slots__ = ()

    def __add__(self, other: str) -> str:
        return f"queue{other}"


def pending_word(word: str, launch: Launch | None, *, in_line: bool) -> str:
    """What the hub is told of a spawner of which its own word is ``"spawn"``."""
    waits = in_line if launch is None else launch.leading.phase is Phase.WAITING
    return Waiting(word) if waits else word

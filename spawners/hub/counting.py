"""A session that waits in a cluster's queue is no load for the hub: how it is kept out of a limit.

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


def pending_word(word: str | None, launch: Launch | None) -> str | None:
    """What the hub is told that a spawner is pending."""
    if word == "spawn" and launch is not None and launch.leading.phase is Phase.WAITING:
        return Waiting(word)
    return word

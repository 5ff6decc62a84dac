"""Wrong join codes, counted: nobody finds a right one by trying."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable

from prometheus_client import Counter

WRONG = Counter("lesesal_wrong_join_codes_total", "Links to join that lead nowhere")
TOO_MANY = Counter("lesesal_join_codes_not_looked_up_total", "Links not looked up: too many wrong")
# Seconds in which wrong codes count.
WINDOW = 600.0
# By a person, and from an address: a whole class may be behind one, and read the wall wrongly.
BY_PERSON = 20
BY_ADDRESS = 100
# So many are remembered; whoever came first is forgotten first.
REMEMBERED = 10_000


class Guesses:
    """The wrong codes of the last minutes, by who tried them. Not for several threads.

    Args:
        most: how many wrong codes one may have tried.
        now: a clock, in seconds.
    """

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._tried: dict[Hashable, deque[float]] = {}

    def __len__(self) -> int:
        return len(self._tried)

    def too_many(self, who: Hashable) -> bool:
        """Whether nothing more is looked up for them just now."""
        tried = self._tried.get(who)
        if tried is None:
            return False
        while tried and tried[0] <= self._now() - WINDOW:
            tried.popleft()
        if not tried:
            del self._tried[who]
        return len(tried) >= self._most

    def wrong(self, who: Hashable) -> None:
        """They have tried one that leads nowhere."""
        tried = self._tried.pop(who, None) or deque(maxlen=self._most)
        tried.append(self._now())
        self._tried[who] = tried
        if len(self._tried) > REMEMBERED:
            del self._tried[next(iter(self._tried))]


persons = Guesses(BY_PERSON)
addresses = Guesses(BY_ADDRESS)

"""Make the workshop's dataset: ``python make_readings.py FOLDER``. The same bytes each time.

Forty reading rooms that do not exist, hour by hour for two weeks: how many people are in each, how
warm it is, and how much carbon dioxide is in the air. The people are drawn; the air follows from
them, as it would in a room with steady ventilation.
"""

from __future__ import annotations

import hashlib
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path

ROOMS, HOURS = 40, 14 * 24
OUTDOORS = 420.0  # parts per million
HEADER = "room,hour,people,temperature,co2\n"


def busy(hour: int) -> float:
    """How busy a reading room is, from 0 to 1: days are, evenings less, nights and Sundays not."""
    day, clock = divmod(hour, 24)
    week = 0.0 if day % 7 == 6 else 0.45 if day % 7 == 5 else 1.0
    return week * math.exp(-(((clock - 13.5) / 3.6) ** 2))


def rows(room: int, luck: random.Random) -> Iterator[str]:
    """A room's lines, hour by hour."""
    seats, air = 8 + luck.randrange(40), 0.35 + 0.5 * luck.random()
    excess, warmth = 0.0, 20.0
    for hour in range(HOURS):
        # As many of the seats as chance wants; `random` alone is promised to stay as it is.
        wanted = 0.85 * busy(hour)
        people = sum(luck.random() < wanted for _seat in range(seats))
        excess += 60.0 * people / math.sqrt(seats) - air * excess
        warmth += 0.03 * people - 0.25 * (warmth - 20.0)
        co2 = OUTDOORS + excess + 16.0 * (luck.random() + luck.random() - 1.0)
        shown = warmth + 0.4 * (luck.random() - 0.5)
        yield f"{room},{hour},{people},{shown:.1f},{co2:.0f}\n"


def make(folder: Path) -> None:
    """Write ``readings.csv``, and ``SHA256SUMS`` as ``sha256sum`` would."""
    luck = random.Random(2027)  # noqa: S311  nothing is kept secret with it
    text = HEADER + "".join(line for room in range(ROOMS) for line in rows(room, luck))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "readings.csv").write_bytes(text.encode())
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  readings.csv\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))

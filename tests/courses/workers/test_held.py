"""Accounts that grade have one run at a time."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

from courses.workers.held import hold


def test_a_run_takes_what_is_free_and_waits_where_nothing_is(tmp_path: Path) -> None:
    told = threading.Event()
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        told.set()

    found: list[str] = []

    def third() -> None:
        with ExitStack() as held:
            found.extend(hold(tmp_path, ["a", "b", "c"], say, held))

    with ExitStack() as rest, ExitStack() as one:
        assert hold(tmp_path, ["a"], said.append, one) == ["a"]
        assert hold(tmp_path, ["a", "b", "c"], said.append, rest) == ["b", "c"]
        assert said == []
        thread = threading.Thread(target=third, daemon=True)
        thread.start()
        assert told.wait(30)
        assert found == []
        one.close()
        thread.join(30)
    assert (found, len(said)) == (["a"], 1)

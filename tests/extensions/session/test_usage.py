"""What a session says of what it uses: ``lesesal/usage``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from deployed import CHECKOUT
from extensions.machine import cards
from extensions.session.stand_in import Session, StandInHub, running_session


@contextlib.contextmanager
def with_card(folder: Path, machine: str) -> Iterator[Session]:
    """A session that was given a GPU, on a machine of `cards`."""
    first = cards.installed(folder / "first", machine)
    path = f"{first}:{CHECKOUT / 'extensions'}"
    with running_session(
        folder / "it", StandInHub(), CUDA_VISIBLE_DEVICES="0", PYTHONPATH=path
    ) as session:
        yield session


def test_without_a_gpu(tmp_path: Path) -> None:
    with (
        running_session(tmp_path, StandInHub(), CUDA_VISIBLE_DEVICES="") as session,
        session.client() as client,
    ):
        answer = client.get("lesesal/usage").json()
        assert (answer["gpus"], answer["silent"]) == ([], False)
        assert 0 <= answer["cpu"]["used"] <= answer["cpu"]["count"] == os.cpu_count()
        assert 0 < answer["memory"]["used"] < answer["memory"]["limit"]
        assert answer["memory"]["limit"] == psutil.virtual_memory().total
        client.headers.pop("Authorization")
        assert client.get("lesesal/usage", follow_redirects=False).status_code in {302, 403}


def test_pages_share_a_reading_and_the_session_its_beginning(tmp_path: Path) -> None:
    with with_card(tmp_path, "BusyCard") as session, session.client() as client:
        answer = client.get("lesesal/usage").json()
        [gpu] = answer["gpus"]
        assert gpu["name"] == "NVIDIA H100 80GB HBM3"
        assert (gpu["use"], gpu["watts"]) == (0.45, 320.0)
        assert gpu["memory"] == {"used": 12 * cards.GIB, "limit": 80 * cards.GIB}
        # 2 Wh from the first look to the second; a third within the same seconds is none.
        assert gpu["energy"]["watt_hours"] == pytest.approx(2)
        assert gpu["energy"]["counted"] is True
        assert client.get("lesesal/usage").json() == answer
        assert [each.name for each in (tmp_path / "it" / "session").glob("energy-*")] == [
            f"energy-{cards.UUID}.json"
        ]


def test_a_gpu_that_does_not_answer_breaks_nothing(tmp_path: Path) -> None:
    with with_card(tmp_path, "NoDriver") as session, session.client() as client:
        answer = client.get("lesesal/usage").json()
        assert (answer["gpus"], answer["silent"]) == ([], True)
        assert answer["cpu"]["count"] > 0
    assert "Traceback" not in session.log.read_text()

"""What a session says of what it uses: ``lesesal/usage``."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from deployed import CHECKOUT
from extensions.machine import cards
from extensions.session.stand_in import Session, StandInHub, running_session

from lesesal_notebook.session.usage import FRESH


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
        began = time.monotonic()
        answers = [client.get("lesesal/usage").json() for _ in range(20)]
        # A reading serves for so many seconds.
        readings = (time.monotonic() - began) / FRESH + 1
        answer = answers[0]
        [gpu] = answer["gpus"]
        assert gpu["name"] == "NVIDIA H100 80GB HBM3"
        assert (gpu["use"], gpu["watts"]) == (0.45, 320.0)
        assert gpu["memory"] == {"used": 12 * cards.GIB, "limit": 80 * cards.GIB}
        # 2 Wh from the first look to the second.
        assert gpu["energy"]["watt_hours"] == pytest.approx(2)
        assert gpu["energy"]["counted"] is True
        # And from each look to the next.
        assert answers[-1]["gpus"][0]["energy"]["watt_hours"] <= 2 * readings + 1e-6
        assert len({json.dumps(each) for each in answers}) <= readings
        assert [each.name for each in (tmp_path / "it" / "session").glob("energy-*")] == [
            f"energy-{cards.UUID}.json"
        ]


def test_a_gpu_that_does_not_answer_breaks_nothing(tmp_path: Path) -> None:
    with with_card(tmp_path, "NoDriver") as session, session.client() as client:
        answer = client.get("lesesal/usage").json()
        assert (answer["gpus"], answer["silent"]) == ([], True)
        assert answer["cpu"]["count"] > 0
    assert "Traceback" not in session.log.read_text()

"""A home with a hub for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from extensions.batch.stand_in import Desk, sitting


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A session's side of things."""
    with sitting(tmp_path / "desk") as found:
        yield found

"""Course directories with an assignment generated, which takes nbgrader seconds: to copy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import engine_kit as kit
import pytest

DUE = datetime(2026, 11, 20, 18, tzinfo=UTC)


@pytest.fixture(scope="session")
def made(once: Callable[..., Path]) -> Path:
    """Its assignment has no deadline."""
    return once("answers", kit.make) / "course"


@pytest.fixture(scope="session")
def made_with_deadline(once: Callable[..., Path]) -> Path:
    """Its assignment was due between what is early and what is late to the kit."""
    return once("answers-due", lambda folder: kit.make(folder, DUE)) / "course"

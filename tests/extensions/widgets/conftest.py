"""A classroom for the desks of all tests here."""

from collections.abc import Iterator

import pytest
from extensions.widgets import desk_kit


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[desk_kit.World]:
    """A real classroom, with an assignment in it, and what sessions ask of a hub."""
    with desk_kit.world(tmp_path_factory.mktemp("world")) as world:
        yield world

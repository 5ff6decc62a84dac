"""What the hub asks once for all."""

import asyncio

import pytest

from spawners.errors import SubmitRefused
from spawners.hub.held import Estimates


class Asked:
    """A cluster that counts how often it is asked, and can refuse."""

    def __init__(self) -> None:
        self.times = 0
        self.refuses = False

    async def __call__(self) -> float | None:
        self.times += 1
        await asyncio.sleep(0.01)
        if self.refuses:
            raise SubmitRefused("Not you.")
        return 1000.0


async def test_a_class_that_wants_the_same_asks_once() -> None:
    ask, estimates = Asked(), Estimates()
    answers = await asyncio.gather(*(estimates.get("gpu", ask) for _ in range(50)))
    assert (answers, ask.times) == ([1000.0] * 50, 1)
    assert await estimates.get("gpu", ask) == 1000.0
    assert ask.times == 1
    await estimates.get("cpu", ask)
    assert ask.times == 2


async def test_an_old_answer_is_asked_anew() -> None:
    ask, estimates = Asked(), Estimates(age=0.0)
    await estimates.get("gpu", ask)
    await estimates.get("gpu", ask)
    assert ask.times == 2


async def test_a_refusal_is_one_persons() -> None:
    refused, taken, estimates = Asked(), Asked(), Estimates()
    refused.refuses = True
    with pytest.raises(SubmitRefused):
        await estimates.get("gpu", refused)
    assert await estimates.get("gpu", taken) == 1000.0

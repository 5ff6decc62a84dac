"""Who starts when, and what pages are told of the same questions."""

import asyncio

import pytest

from spawners.errors import SubmitRefused
from spawners.hub.estimates import AT_ONCE, Estimates
from spawners.hub.turns import Turns
from spawners.jobs import JobSpec, SessionKey
from spawners.offers import Limits, Offer

CPU = Offer("cpu", "A core", "here", Limits(1, 64))
GPU = Offer("gpu", "A GPU", "here", Limits(1, 64, {"h100": 1}))


def spec(user: str, offer: Offer = CPU, hours: float = 2.0) -> JobSpec:
    return JobSpec(SessionKey("hub", user, "ai"), user, offer, hours, (), {}, "")


class Asked:
    """A cluster that answers when it is told to, and refuses some."""

    def __init__(self, refused: str = "") -> None:
        self.users: list[str] = []
        self.refused = refused
        self.answer = asyncio.Event()

    async def expected_start(self, wanted: JobSpec) -> float:
        self.users.append(wanted.username)
        await self.answer.wait()
        if wanted.username == self.refused:
            raise SubmitRefused("Not you.")
        return float(len(self.users))


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is everybody's for as long as a test may take."""
    monkeypatch.setattr("spawners.hub.estimates.SHARED", 600.0)


async def test_who_comes_alone_does_not_wait_for_his_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    # So long that nothing but the turn itself is waited for, and that it is over for nobody.
    monkeypatch.setattr("spawners.hub.turns.STEP", 30)
    turns = Turns()
    assert turns.free
    await asyncio.wait_for(turns.mine(), timeout=15)
    assert not turns.free


async def test_starts_go_one_by_one_in_the_order_in_which_they_came() -> None:
    turns, through = Turns(), []

    async def start(number: int) -> None:
        await turns.mine()
        through.append(number)

    await asyncio.gather(*map(start, range(4)))
    assert through == [0, 1, 2, 3]


async def test_who_gives_up_leaves_the_line_to_the_others() -> None:
    turns = Turns()
    await turns.mine()
    leaver, stayer = (asyncio.ensure_future(turns.mine()) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.wait_for(stayer, timeout=60)


async def test_the_same_question_is_asked_once_and_others_are_asked_too() -> None:
    cluster = Asked()
    estimates = Estimates(cluster)  # type: ignore[arg-type]
    wanted = [spec("a"), spec("b"), spec("c", GPU), spec("d", hours=1.0), spec("e", hours=1.999)]
    asking = asyncio.gather(*map(estimates.of, wanted))
    await asyncio.sleep(0)
    cluster.answer.set()
    answers = await asking
    assert cluster.users == ["a", "c", "d"]
    assert answers[0] == answers[1] == answers[4]


async def test_a_refusal_is_for_the_one_who_asked() -> None:
    cluster = Asked(refused="a")
    cluster.answer.set()
    estimates = Estimates(cluster)  # type: ignore[arg-type]
    first, second = await asyncio.gather(
        estimates.of(spec("a")), estimates.of(spec("b")), return_exceptions=True
    )
    assert isinstance(first, SubmitRefused)
    assert second == 2.0


async def test_what_was_told_is_asked_again_after_the_cluster_refused() -> None:
    cluster = Asked()
    cluster.answer.set()
    estimates = Estimates(cluster)  # type: ignore[arg-type]
    told = [await estimates.of(spec("a")), await estimates.of(spec("b"))]
    estimates.forget()
    assert [*told, await estimates.of(spec("c"))] == [1.0, 1.0, 2.0]


async def test_who_does_not_wait_for_the_answer_leaves_it_to_the_others() -> None:
    cluster = Asked()
    estimates = Estimates(cluster)  # type: ignore[arg-type]
    leaver, stayer = (asyncio.ensure_future(estimates.of(spec(name))) for name in "ab")
    await asyncio.sleep(0)
    leaver.cancel()
    cluster.answer.set()
    assert await stayer == 1.0
    with pytest.raises(asyncio.CancelledError):
        await leaver


async def test_few_questions_are_on_their_way_at_a_time() -> None:
    cluster = Asked()
    estimates = Estimates(cluster)  # type: ignore[arg-type]
    wanted = [spec(f"user-{n}", hours=float(n + 1)) for n in range(AT_ONCE + 3)]
    asking = asyncio.gather(*map(estimates.of, wanted))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(cluster.users) == AT_ONCE
    cluster.answer.set()
    await asking

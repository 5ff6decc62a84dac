"""How much one person, and one course, may have."""

import pytest

from spawners.errors import LimitReached
from spawners.limits import Quota, Quotas, Use, at_once, check, gpus_of, longest, more_hours
from spawners.offers import Limits, Offer

CPU = Offer("cpu", "A core", "here", Limits(1, 64, hours=8, more_hours=2))
GPU = Offer("gpu", "Two GPUs", "here", Limits(1, 64, {"h100": 2}, hours=8))
SHARE = Offer("share", "Shares", "here", Limits(1, 64, shards=3))
USES = [Use("kim", "ai", 2), Use("kim", "bio", 0), Use("lee", "ai", 2)]


def test_slices_and_shares_count_as_gpus() -> None:
    assert [gpus_of(offer) for offer in (CPU, GPU, SHARE)] == [0, 2, 3]


@pytest.mark.parametrize(
    ("offer", "quotas", "sentence"),
    [
        (
            CPU,
            Quotas(person=Quota(sessions=2)),
            "You have 2 sessions at once, as many as allowed. End one of them first.",
        ),
        (
            CPU,
            Quotas(course=Quota(sessions=1)),
            "Your course has 1 session at once, as many as allowed. Try again when one of them "
            "has ended.",
        ),
        (
            GPU,
            Quotas(person=Quota(gpus=3)),
            "You have 2 of 3 GPUs in use, and this session asks for 2. Choose an offer with fewer "
            "GPUs, or wait until a session has ended.",
        ),
        (
            SHARE,
            Quotas(course=Quota(gpus=6)),
            "Your course has 4 of 6 GPUs in use, and this session asks for 3. Choose an offer "
            "with fewer GPUs, or wait until a session has ended.",
        ),
    ],
)
def test_what_is_too_much_is_refused_in_a_sentence(
    offer: Offer, quotas: Quotas, sentence: str
) -> None:
    with pytest.raises(LimitReached) as refused:
        check(offer, "kim", "ai", USES, quotas)
    assert refused.value.sentence == sentence


@pytest.mark.parametrize(
    ("offer", "quotas"),
    [
        (GPU, Quotas()),
        (GPU, Quotas(person=Quota(sessions=3, gpus=4), course=Quota(sessions=3, gpus=6))),
        (CPU, Quotas(person=Quota(gpus=0))),
    ],
)
def test_what_is_within_the_limits_passes(offer: Offer, quotas: Quotas) -> None:
    check(offer, "kim", "ai", USES, quotas)


BATCH = [*USES, Use("kim", "ai", 1, batch=True)]


def test_batch_runs_count_as_sessions_unless_they_have_a_limit_of_their_own() -> None:
    both, apart = Quota(sessions=3), Quota(sessions=3, batch=1)
    with pytest.raises(LimitReached):
        check(CPU, "kim", "ai", BATCH, Quotas(person=both))
    with pytest.raises(LimitReached):
        at_once(CPU, "kim", "ai", BATCH, Quotas(person=both), 4)
    check(CPU, "kim", "ai", BATCH, Quotas(person=apart))
    with pytest.raises(LimitReached):
        at_once(CPU, "kim", "ai", BATCH, Quotas(person=apart), 4)
    assert at_once(CPU, "kim", "ai", USES, Quotas(person=apart), 4) == 4
    with pytest.raises(LimitReached):
        at_once(CPU, "lee", "ai", BATCH, Quotas(course=apart), 4)
    with pytest.raises(LimitReached):
        at_once(CPU, "kim", "ai", [], Quotas(person=Quota(batch=0)), 4)


@pytest.mark.parametrize(
    ("offer", "quotas", "tasks"),
    [
        (GPU, Quotas(), 8),
        (CPU, Quotas(person=Quota(gpus=0)), 8),
        (GPU, Quotas(person=Quota(gpus=8)), 2),
        (GPU, Quotas(person=Quota(gpus=100), course=Quota(gpus=7)), 1),
    ],
)
def test_as_many_tasks_run_at_a_time_as_there_may_be_gpus(
    offer: Offer, quotas: Quotas, tasks: int
) -> None:
    assert at_once(offer, "kim", "ai", BATCH, quotas, 8) == tasks


@pytest.mark.parametrize("quotas", [Quotas(Quota(gpus=4)), Quotas(course=Quota(gpus=6))])
def test_a_run_for_which_no_gpu_is_left_is_refused(quotas: Quotas) -> None:
    with pytest.raises(LimitReached) as refused:
        at_once(GPU, "kim", "ai", BATCH, quotas, 8)
    assert "GPUs that may be in use at once" in refused.value.sentence


def test_the_shortest_of_all_limits_holds_for_hours() -> None:
    assert longest(CPU, Quotas()) == 8
    assert longest(CPU, Quotas(person=Quota(hours=6), course=Quota(hours=4))) == 4


@pytest.mark.parametrize(
    ("quotas", "booked", "added", "hours"),
    [
        (Quotas(), 8, 0, 1),
        (Quotas(), 8, 1.5, 0.5),
        (Quotas(), 8, 2, 0),
        (Quotas(person=Quota(hours=8)), 8, 0, 0),
        (Quotas(course=Quota(hours=8.25)), 8, 0, 0.25),
    ],
)
def test_a_session_is_lengthened_within_offer_and_limits(
    quotas: Quotas, booked: float, added: float, hours: float
) -> None:
    assert more_hours(CPU, quotas, booked, added, wanted=1) == hours

"""Which jobs are nobody's."""

from spawners.jobs import Job, JobState, SessionKey
from spawners.keeper import Keeper


def job(id_: str, state: JobState = JobState.RUNNING) -> Job:
    return Job(id_, SessionKey("hub", "kim", "ai"), state)


def test_only_what_goes_unowned_for_the_whole_grace_is_an_orphan() -> None:
    keeper = Keeper(grace=10)
    jobs = [job("owned"), job("lost"), job("ended", JobState.ENDED), job("late")]

    def owned(each: Job) -> bool:
        return each.id == "owned"

    assert keeper.orphans(jobs[:3], owned, now=100) == []
    assert keeper.orphans(jobs, owned, now=109) == []
    assert keeper.orphans(jobs, owned, now=110) == [job("lost")]


def test_the_grace_begins_anew_for_a_job_that_was_owned_meanwhile() -> None:
    keeper = Keeper(grace=10)
    assert keeper.orphans([job("1")], lambda _: False, now=100) == []
    assert keeper.orphans([job("1")], lambda _: True, now=109) == []
    assert keeper.orphans([job("1")], lambda _: False, now=111) == []
    assert keeper.orphans([job("1")], lambda _: False, now=121) == [job("1")]

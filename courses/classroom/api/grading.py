"""Grading an assignment and publishing it, for programs."""

from __future__ import annotations

from courses.classroom.api.base import JsonHandler, moment
from courses.classroom.desks.grading import Entry
from courses.classroom.handlers import Handler
from courses.grading.report import reason_json
from courses.store.grading import Kind, Run


class _Runs(JsonHandler):
    """Runs go on when the request is over: ask again how far they are."""

    async def ask(self, slug: str, name: str, kind: Kind) -> None:
        who = await self.person()
        everybody = self.get_query_argument("everybody", "") == "true"
        run = await self.work(
            self.shared.desks.grading.ask, who, slug, name, kind, everybody=everybody
        )
        self.shared.grading.wake()
        self.set_status(202)
        self.write_json(self.run_json(run))

    def run_json(self, run: Run | None) -> dict[str, object] | None:
        """A run, with how far it is."""
        if run is None:
            return None
        far = self.shared.grading.progress(run.id)
        return {
            "id": run.id,
            "kind": run.kind.value,
            "state": run.stage.value,
            "asked": moment(run.asked),
            "asked_by": run.asked_by,
            "ended": moment(run.ended),
            "done": far.done if far else run.done,
            "total": far.total if far else run.total,
            "says": far.says if far else run.says,
        }


class Grading(_Runs):
    async def get(self, slug: str, name: str) -> None:
        who = await self.person()
        board = await self.work(self.shared.desks.grading.board, who, slug, name)
        outcomes = [outcome_json(each) for each in board.entries]
        self.write_json({"run": self.run_json(board.run), "outcomes": outcomes})

    async def post(self, slug: str, name: str) -> None:
        await self.ask(slug, name, Kind.GRADE)

    async def delete(self, slug: str, name: str) -> None:
        who = await self.person()
        self.shared.grading.stop(
            await self.work(
                self.shared.desks.grading.stop, who, slug, name, self.shared.grading.progress
            )
        )
        self.set_status(204)


class Publish(_Runs):
    """Whoever is graded gets feedback; with ``everybody``, who waits for a hand too."""

    async def post(self, slug: str, name: str) -> None:
        await self.ask(slug, name, Kind.PUBLISH)


def outcome_json(entry: Entry) -> dict[str, object]:
    """Where grading stands with one person's version to grade."""
    kept, scored = entry.kept, entry.scored
    return {
        "user": entry.user,
        "submission": entry.to_grade.receipt.id,
        "graded": kept.submission if kept else None,
        "state": kept.outcome.state.value if kept else None,
        "reason": reason_json(kept.outcome.reason) if kept else None,
        "evidence": [reason_json(each) for each in kept.outcome.evidence] if kept else [],
        "score": scored.score if scored else None,
        "max_score": scored.max_score if scored else None,
        "needs_manual_grading": scored.manual if scored else 0,
    }


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {
        r"courses/([^/]+)/assignments/([^/]+)/grading": Grading,
        r"courses/([^/]+)/assignments/([^/]+)/publish": Publish,
    }

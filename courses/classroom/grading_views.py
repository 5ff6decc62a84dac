"""Grading in words: how far a run is, what came of each person's work, what publishing would do."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from courses import words
from courses.classroom.desks.grading import Board, Entry
from courses.coursedir.publish import Planned
from courses.coursedir.scores import Scored
from courses.grades import Progress, State
from courses.grading.again import CLASS_SAMPLE
from courses.grading.words import sentence, state_word
from courses.language import gettext as _
from courses.language import ngettext
from courses.store.checks import Check
from courses.store.grading import Kind, Run, Stage

View = dict[str, object]
# What outcomes can be narrowed down to, beside the states.
LOOK, MANUAL, NONE = "look", "manual", "none"


def run(found: Run | None, progress: Progress | None, zone: str) -> View:
    """The line about the newest run of an assignment."""
    if found is None:
        return {"over": True, "text": "", "says": "", "failed": False, "total": 0}
    over = found.stage.over
    far = progress or Progress(0, 0, {}, 0.0)
    left = "" if over or far.left is None else duration(far.left)
    return {
        "over": over,
        "failed": found.stage is Stage.FAILED,
        "text": _ended(found, zone) if over else _under_way(found),
        "says": found.says if over else far.says,
        "total": 0 if over else far.total,
        "done": far.done,
        "running": far.running,
        "pace": words.number(far.per_second) if far.per_second >= 0.01 else "",
        "left": left,
    }


def seen(found: Run | None, progress: Progress | None) -> str:
    """What differs when the line does."""
    if found is None:
        return "0"
    far = ""
    if progress:
        says = zlib.crc32(progress.says.encode())
        far = f"-{progress.total}-{progress.done}-{progress.running}-{says:x}"
    return f"{found.id}-{found.stage}{far}"


def duration(seconds: float) -> str:
    """How long something takes, roughly: it is a guess."""
    if seconds < 60:
        return ngettext("{count} second", "{count} seconds", max(1, round(seconds)))
    if seconds < 3600:
        return ngettext("{count} minute", "{count} minutes", round(seconds / 60))
    return ngettext("{count} hour", "{count} hours", round(seconds / 3600))


def _under_way(found: Run) -> str:
    if found.stage is Stage.WAITING:
        return _("It waits for its turn.")
    return {
        Kind.COLLECT: _("Collecting what is to be graded."),
        Kind.GRADE: _("Grading."),
        Kind.PUBLISH: _("Publishing."),
        Kind.PREVIEW: _("Grading all again in a copy."),
        Kind.TESTS: _("Running the tests again."),
    }[found.kind]


def _ended(found: Run, zone: str) -> str:
    names = {"person": found.asked_by, "when": words.short_date(found.ended or found.asked, zone)}
    if found.stage is Stage.STOPPED:
        return _("Stopped on {when}. What was done by then stays.", **names)
    if found.stage is Stage.FAILED:
        return {
            Kind.COLLECT: _("Collecting did not work on {when}.", **names),
            Kind.GRADE: _("Grading did not go through on {when}.", **names),
            Kind.PUBLISH: _("Publishing did not go through on {when}.", **names),
            Kind.PREVIEW: _("Grading in a copy did not go through on {when}.", **names),
            Kind.TESTS: _("Running the tests again did not go through on {when}.", **names),
        }[found.kind]
    return {
        Kind.COLLECT: _("Collected by {person} on {when}.", **names),
        Kind.GRADE: _("Graded by {person} on {when}.", **names),
        Kind.PUBLISH: _("Published by {person} on {when}.", **names),
        Kind.PREVIEW: _("Graded again in a copy by {person} on {when}.", **names),
        Kind.TESTS: _("Tests run again by {person} on {when}.", **names),
    }[found.kind]


def summary(board: Board, base: str) -> View:
    """How many are in which state, with links to them, on the assignment's page."""
    counts = [
        (NONE, _("not graded yet"), sum(1 for each in board.entries if each.kept is None)),
        *((each.value, state_word(each), _count(board.entries, each.value)) for each in State),
        (MANUAL, _("to grade by hand"), _count(board.entries, MANUAL)),
    ]
    address = outcomes_address(board, base)
    return {
        "handed_in": len(board.entries),
        "graded": sum(1 for each in board.entries if each.scored),
        "again": sum(1 for each in board.entries if each.again),
        "came_in": _came_in(board),
        "counts": [
            {"words": text, "count": count, "address": f"{address}?show={name}"}
            for name, text, count in counts
            if count or name == State.GRADED
        ],
        "outcomes": address,
        "formgrader": f"{base}/formgrader/",
        "manual": _count(board.entries, MANUAL),
    }


def tests(board: Board) -> View:
    """What is known of an assignment's tests, those that differ or are slow first."""
    limit = board.assignment.grading.limits.cell_seconds
    worst_first = sorted(board.tests, key=lambda each: (-each.differed, not each.is_slow(limit)))
    return {
        "handed_in": len(board.entries),
        "limit": words.number(limit),
        "sample": CLASS_SAMPLE,
        "rows": [
            {
                "name": each.name,
                "lost": words.number(each.lost),
                "max_score": words.number(each.max_score),
                "median": words.number(each.median),
                "slowest": words.number(each.slowest),
                "count": each.count,
                "differed": each.differed,
                "slow": each.is_slow(limit),
            }
            for each in worst_first
        ],
    }


def _came_in(board: Board) -> str:
    """When the course came in, if that was after some of this was graded; else empty."""
    graded = [each.kept.at for each in board.entries if each.kept]
    if not graded or min(graded) > board.came_in:
        return ""
    return words.short_date(board.came_in, board.course.timezone)


def outcomes_address(board: Board, base: str) -> str:
    return f"{base}/assignments/{quote(board.assignment.name, safe='')}/outcomes"


def wanted(entry: Entry, show: str) -> bool:
    """Whether an entry is among those that are asked for; all are where nothing is."""
    if not show:
        return True
    if show == LOOK:
        return entry.to_look_at or entry.manual
    if show == MANUAL:
        return entry.manual
    if show == NONE:
        return entry.kept is None
    return entry.kept is not None and entry.kept.outcome.state == show


def _count(entries: Sequence[Entry], show: str) -> int:
    return sum(1 for each in entries if wanted(each, show))


def outcomes(board: Board, show: str, base: str) -> View:
    """The page of all outcomes, or of those that are asked for."""
    address, zone = outcomes_address(board, base), board.course.timezone
    tabs = [("", _("All")), (LOOK, _("To look at")), (MANUAL, _("To grade by hand"))]
    tabs += [(NONE, _("Not graded yet"))]
    return {
        "rows": [_row(each, zone, base) for each in board.entries if wanted(each, show)],
        "handed_in": len(board.entries),
        "tabs": [
            {
                "words": text,
                "count": _count(board.entries, name),
                "address": f"{address}?show={name}" if name else address,
                "current": name == show,
            }
            for name, text in tabs
        ],
    }


def _row(entry: Entry, zone: str, base: str) -> View:
    kept, scored = entry.kept, entry.scored
    view: View = {
        "user": entry.user,
        "address": f"{base}/history/{quote(entry.user, safe='')}",
        "submission": f"{base}/submissions/{entry.to_grade.receipt.id}",
        "handed_in": words.short_date(entry.to_grade.receipt.timestamp, zone),
        "again": entry.again,
        "state": _("not graded yet"),
        "kind": NONE,
        "says": "",
        "evidence": [],
        "manual": scored.manual if scored else 0,
        "score": None,
        "penalty": "",
        "out": _out(entry),
    }
    if kept:
        outcome = kept.outcome
        view |= {
            "state": state_word(outcome.state),
            "kind": outcome.state.value,
            "says": sentence(outcome.reason),
            "evidence": [sentence(each) for each in outcome.evidence],
        }
    if scored:
        view["score"] = points(scored.score, scored.max_score)
        view["penalty"] = words.number(scored.penalty) if scored.penalty else ""
    return view


def _out(entry: Entry) -> str:
    """What is published of a person's work, in words."""
    out = entry.to_grade.feedback
    if out is None:
        return _("not published")
    if out.score is None or out.max_score is None:
        return _("published")
    text = points(out.score, out.max_score)
    if entry.scored and (out.score, out.max_score) != (
        entry.scored.score,
        entry.scored.max_score,
    ):
        return _("published as {points}", points=text)
    return _("published")


def points(score: float, most: float) -> str:
    return _("{points} of {most}", points=words.number(score), most=words.number(most))


def check(wanted: bool, found: Check | None) -> View | None:
    """What the visible tests say of a hand-in; None where nobody asks them, or they could not be.

    A suspect hand-in is told nothing of that: staff looks at it first.
    """
    if found is None:
        return {"waiting": True} if wanted else None
    if not found.tests:
        return None
    failed = found.state in (State.FAILED, State.REFUSED)
    return {
        "waiting": False,
        "passed": sum(passed for _, passed in found.tests),
        "count": len(found.tests),
        "tests": [{"name": name, "passed": passed} for name, passed in found.tests],
        "says": sentence(found.reason) if failed else "",
    }


def trial(board: Board, found: Mapping[str, Scored], base: str) -> View:
    """Who would have other points after grading everybody's again, the largest change first."""
    rows = []
    same = 0
    for each in board.entries:
        now, then = each.scored, found.get(each.user)
        if then is None:
            continue
        change = then.score - (now.score if now else 0.0)
        most = now.max_score if now else None
        if now and (now.score, now.max_score) == (then.score, then.max_score):
            same += 1
            continue
        rows.append(
            (
                (-abs(change), each.user),
                {
                    "user": each.user,
                    "address": f"{base}/submissions/{each.to_grade.receipt.id}",
                    "before": points(now.score, most) if now and most is not None else "",
                    "after": points(then.score, then.max_score),
                    "change": _signed(change),
                },
            )
        )
    return {
        "graded": len(rows) + same,
        "same": same,
        "rows": [row for _, row in sorted(rows, key=lambda each: each[0])],
    }


def publishing(board: Board, planned: Sequence[Planned], base: str) -> View:
    """What publishing would do: who gets what, changes first."""
    waiting = [each for each in planned if each.waits]
    changes = sorted((each for each in planned if each.changes), key=_largest_first)
    moved = [change for each in changes if (change := each.change) is not None]
    return {
        "total": len(planned),
        "waiting": len(waiting),
        "ready": len(planned) - len(waiting),
        "first": sum(1 for each in planned if each.submission.feedback is None),
        "same": sum(1 for each in planned if not each.changes),
        "more": sum(1 for each in moved if each > 0),
        "less": sum(1 for each in moved if each < 0),
        "rows": [_planned(each, base) for each in changes],
        "looked_at": sum(
            1 for each in board.entries if each.kept and each.kept.outcome.state is State.SUSPECT
        ),
        "outcomes": outcomes_address(board, base),
        "formgrader": f"{base}/formgrader/",
    }


def _signed(change: float | None) -> str:
    if not change:
        return ""
    sign = "+" if change > 0 else "\N{MINUS SIGN}"
    return f"{sign}{words.number(abs(change))}"


def _largest_first(planned: Planned) -> tuple[float, str]:
    return (-abs(planned.change or 0.0), planned.user)


def _planned(planned: Planned, base: str) -> View:
    out, scored = planned.submission.feedback, planned.scored
    before = None
    if out and out.score is not None and out.max_score is not None:
        before = points(out.score, out.max_score)
    return {
        "user": planned.user,
        "address": f"{base}/submissions/{planned.submission.receipt.id}",
        "before": before,
        "change": _signed(planned.change),
        "after": points(scored.score, scored.max_score),
        "waits": planned.waits,
        "older": not planned.latest,
    }

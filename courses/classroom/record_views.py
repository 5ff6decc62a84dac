"""The audit's rows in words: a sentence each, and what was before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from courses import words
from courses.classroom.desks.record import Page
from courses.course import Role
from courses.language import gettext as _
from courses.store.audit import Change, Wanted

View = dict[str, object]
_DIGEST = 64
_SHOWN = 12  # of a digest's digits: enough to tell two apart


def page(found: Page, wanted: Wanted, base: str, query: str) -> View:
    """The audit's page; ``base`` is the course's address, ``query`` what is filtered by."""
    zone = found.course.timezone
    return {
        "rows": [row(each, zone, base) for each in found.changes],
        "older": f"{base}/audit?{query}&older={found.older}" if found.older else "",
        "newest": f"{base}/audit?{query}" if wanted.older_than else "",
        "filtered": bool(wanted.person or wanted.action or wanted.assignment),
        "wanted": wanted,
        "actions": [{"name": each, "words": action(each)} for each in found.actions],
    }


def row(change: Change, zone: str, base: str) -> View:
    """One change."""
    submission = change.detail.get("submission")
    if change.action in ("submit", "feedback", "choose", "check"):
        submission = change.detail.get("id")
    return {
        "when": words.short_date(change.at, zone, seconds=True),
        "sentence": sentence(change),
        "lines": [str(each) for each in change.detail.get("changes", ())],
        "values": values(change.before, change.after, zone),
        "submission": f"{base}/submissions/{submission}" if submission else "",
    }


def sentence(change: Change) -> str:
    """What happened, and who did it."""
    detail = change.detail
    names = {
        "actor": change.actor,
        "person": change.subject or detail.get("group") or "",
        "assignment": detail.get("assignment", ""),
    }
    if change.action == "look":
        if change.subject:
            return _("{actor}, who runs the site, looked at the work of {person}.", **names)
        page = {"course": _("course"), "audit": _("audit")}.get(detail.get("page", ""))
        return _(
            "{actor}, who runs the site, looked at this: {page}.",
            page=page or detail.get("page", ""),
            **names,
        )
    if change.action == "enrol":
        role = Role(detail["role"]) if detail.get("role") in set(Role) else None
        if role is None:  # of somebody who was removed
            return _("{actor} enrolled {person}.", **names)
        names["role"] = words.role(role).lower()
    found = _sentences().get(change.action)
    if found is None:
        if change.subject and change.subject != change.actor:
            found = _("{actor}, about {person}: {action}.")
        else:
            found = _("{actor}: {action}.")
        names["action"] = action(change.action)
    return found.format(**names)


def _sentences() -> dict[str, str]:
    return {
        "sync": _("{actor} brought the course in."),
        "enrol": _("{actor} enrolled {person} as {role}."),
        "release": _("{actor} released {assignment}."),
        "withdraw": _("{actor} took the release of {assignment} back."),
        "fetch": _("{actor} fetched {assignment}."),
        "submit": _("{actor} handed in {assignment}."),
        "feedback": _("{actor} gave {person} feedback on {assignment}."),
        "collect": _("{actor} asked for {assignment} to be collected."),
        "grade": _("{actor} asked for {assignment} to be graded."),
        "publish": _("{actor} asked for {assignment} to be published."),
        "preview": _("{actor} asked what grading {assignment} again would change."),
        "grading": _("What {actor} asked for about {assignment} went on."),
        "graded": _("Work on {assignment} was graded for {actor}."),
        "check": _("The visible tests were run on what {person} handed in to {assignment}."),
        "announce": _("{actor} announced something."),
        "take-down": _("{actor} took an announcement down."),
        "complain": _("{actor} complained about the grade in {assignment}."),
        "answer": _("{actor} answered the complaint of {person} about {assignment}."),
        "mark": _("{actor} changed marks or a comment of {person} in {assignment}."),
        "forget": _("{actor} removed what could go of {person}."),
        "rehearsal-over": _("{actor} removed the synthetic students of a rehearsal."),
        "unenrol": _("{actor} took {person} out of the course."),
        "choose": _("{actor} chose which version of {assignment} is graded."),
        "sign": _("{actor} signed the receipt of a hand-in of {person}."),
        "extend": _("{actor} gave {person} more time for {assignment}."),
        "withdraw-extension": _("{actor} withdrew the extension of {person} for {assignment}."),
        "group": _("{actor} said who is in the group {person}."),
        "remove-group": _("{actor} removed the group {person}."),
        "make-code": _("{actor} made a link to join."),
        "rotate-code": _("{actor} exchanged a link to join for another."),
        "close-code": _("{actor} closed a link to join."),
        "make-guest": _("{person} came as a guest."),
        "end-guest": _("{actor} ended the guest account {person}."),
        "lend-account": _("{person} was lent an account on the cluster."),
        "take-back-account": _("{actor} took back the account of {person} on the cluster."),
    }


def action(name: str) -> str:
    """A kind of change, in a few words."""
    return {
        "sync": _("course brought in"),
        "enrol": _("enrolled"),
        "release": _("released"),
        "withdraw": _("release taken back"),
        "fetch": _("fetched"),
        "submit": _("handed in"),
        "feedback": _("feedback"),
        "look": _("operator's look"),
        "collect": _("collecting"),
        "grade": _("grading"),
        "publish": _("publishing"),
        "preview": _("grading tried out"),
        "grading": _("how grading went on"),
        "graded": _("work graded"),
        "check": _("visible tests run"),
        "announce": _("announced"),
        "take-down": _("announcement taken down"),
        "complain": _("complained"),
        "answer": _("complaint answered"),
        "mark": _("marks changed"),
        "forget": _("person removed"),
        "rehearsal-over": _("rehearsal over"),
        "choose": _("version to grade chosen"),
        "sign": _("receipt signed"),
        "unenrol": _("removed from the course"),
        "extend": _("extension given"),
        "withdraw-extension": _("extension withdrawn"),
        "group": _("group changed"),
        "remove-group": _("group removed"),
        "make-code": _("link to join made"),
        "rotate-code": _("link to join exchanged"),
        "close-code": _("link to join closed"),
        "make-guest": _("guest account made"),
        "end-guest": _("guest account ended"),
        "lend-account": _("account lent to a guest"),
        "take-back-account": _("account of a guest taken back"),
    }.get(name, name.replace("-", " "))


def values(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, zone: str
) -> Sequence[View]:
    """What changed, value by value: ``name``, ``before`` and ``after``, as text or None."""
    old, new = _flat(before or {}), _flat(after or {})
    names = [*old, *(each for each in new if each not in old)]
    return [
        {
            "name": _name(name),
            "before": _text(name, old[name], zone) if name in old else None,
            "after": _text(name, new[name], zone) if name in new else None,
        }
        for name in names
        if (old[name] != new.get(name) if name in old else _says(new[name]))
    ]


def _says(value: Any) -> bool:
    """Whether a new value is worth a line: what is empty, no or 0 goes without saying."""
    return value not in (None, "", 0, [], False)


def _flat(found: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}: ")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _name(name: str) -> str:
    *above, last = name.split(": ")
    known = {
        "due": _("deadline"),
        "on_time": _("on time"),
        "score": _("points"),
        "max_score": _("most points"),
        "role": _("role"),
        "title": _("title"),
        "text": _("text"),
        "until": _("until"),
        "fetched": _("fetched"),
        "answer": _("answer"),
        "late": _("late work"),
        "max_bytes": _("largest hand-in in bytes"),
        "sha256": "SHA-256",
    }
    return ": ".join([*above, known.get(last, last.replace("_", " "))])


def _text(name: str, value: Any, zone: str) -> str:
    if value is None:
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return words.number(value)
    if isinstance(value, list):
        return ", ".join(_text(name, each, zone) for each in value) or _("none")
    text = str(value)
    if name == "role" and text in set(Role):
        return words.role(Role(text))
    if len(text) == _DIGEST and not set(text) - set("0123456789abcdef"):
        return f"{text[:_SHOWN]}…"
    if "T" in text and text[:4].isdecimal():
        try:
            return words.short_date(datetime.fromisoformat(text), zone)
        except ValueError:
            return text
    return text

"""All that the API does: a row for each method of each address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_POINTS: dict[str, Any] = {"type": "number", "minimum": 0}
_YES: dict[str, Any] = {"type": "string", "enum": ["true", "false"]}
_COURSE = "api/courses/{course}"
_ASSIGNMENT = f"{_COURSE}/assignments/{{assignment}}"
_SUBMISSION = f"{_COURSE}/submissions/{{submission}}"
_EXTENSIONS = f"{_ASSIGNMENT}/extensions"
ZIP = "application/zip"


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    Attributes:
        name: its own, for programs that are made from the document.
        answer: the body when it went well: a schema's name, ``[a schema's name]`` for a list, a
            media type, or empty.
        answers_with: the same in words.
        again: in words, what 200 says where the same was done before; empty where it never is.
        body: what is sent, in the same way.
        query: what may stand after the ``?``, with a JSON schema each.
        open: whether it needs no token.
    """

    name: str
    method: str
    path: str
    summary: str
    answers_with: str
    answer: str = ""
    status: int = 200
    again: str = ""
    body: str = ""
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    open: bool = False

    @property
    def names(self) -> list[str]:
        """What the path is filled in with."""
        return re.findall(r"\{(\w+)\}", self.path)


OPERATIONS = (
    Operation(
        *("health", "get", "api/health", "Whether the service is well"),
        *("It is.", "Health"),
        open=True,
    ),
    Operation(
        *("openapi", "get", "api/openapi.json", "This document"),
        *("An OpenAPI document.", "Document"),
        open=True,
    ),
    Operation(
        *("courses", "get", "api/courses", "The caller's courses"),
        *("Courses, by title.", "[Course]"),
    ),
    Operation(
        *("assignments", "get", f"{_COURSE}/assignments", "A course's assignments"),
        *("As the caller stands with them.", "[Assignment]"),
    ),
    Operation(
        *("directory", "get", f"{_COURSE}/directory", "The course directory, for staff"),
        *("As it was synchronised.", ZIP),
    ),
    Operation(
        *("audit", "get", f"{_COURSE}/audit", "Who changed what, for staff and operators"),
        *("A page of changes, newest first.", "Changes"),
        query={
            "person": _TEXT,
            "action": _TEXT,
            "assignment": _TEXT,
            "older": {"type": "string", "pattern": "^[0-9]{1,15}$"},
        },
    ),
    Operation(
        *("announcements", "get", f"{_COURSE}/announcements", "What is announced to a course"),
        *("What holds now, newest first.", "[Announcement]"),
    ),
    Operation(
        *("release", "put", f"{_ASSIGNMENT}/release", "Release an assignment, or do so again"),
        *("It is released.", "Released"),
        status=201,
        body=ZIP,
    ),
    Operation(
        *("withdraw", "delete", f"{_ASSIGNMENT}/release", "Take a release back"),
        "It is not released any more.",
        status=204,
    ),
    Operation(
        *("fetch", "get", f"{_ASSIGNMENT}/release", "Fetch a released assignment"),
        *("The student version.", ZIP),
    ),
    Operation(
        *("submit", "post", f"{_ASSIGNMENT}/submissions", "Hand in"),
        *("It is kept: the receipt.", "Receipt"),
        status=201,
        again="The person's last hand-in has the same files: its receipt.",
        body=ZIP,
    ),
    Operation(
        *("submissions", "get", f"{_ASSIGNMENT}/submissions", "All people's hand-ins, for staff"),
        *("Submissions, oldest first.", "[SubmissionOf]"),
    ),
    Operation(
        *("archive", "get", _SUBMISSION, "What was handed in"),
        *("The archive.", ZIP),
    ),
    Operation(
        *("receipt", "get", f"{_SUBMISSION}/receipt", "What proves a hand-in"),
        *("The receipt.", "Receipt"),
    ),
    Operation(
        *("give_feedback", "put", f"{_SUBMISSION}/feedback", "Release feedback, or do so again"),
        *("It is released.", "FeedbackReleased"),
        status=201,
        body=ZIP,
        query={"score": _POINTS, "max_score": _POINTS},
    ),
    Operation(
        *("feedback", "get", f"{_SUBMISSION}/feedback", "Feedback on a hand-in"),
        *("nbgrader's pages.", ZIP),
    ),
    Operation(
        *("choose", "put", f"{_SUBMISSION}/choice", "Name a version of one's own to grade"),
        "It is the one.",
        status=204,
    ),
    Operation(
        *("choose_last", "delete", f"{_SUBMISSION}/choice", "Let the last version be graded"),
        "It is the last.",
        status=204,
    ),
    Operation(
        *("receipt_keys", "get", "api/receipt-keys", "What checks the signatures of receipts"),
        *("Public keys.", "ReceiptKeys"),
        open=True,
    ),
    Operation(
        *("grades", "get", f"{_COURSE}/grades", "All grades, for staff and operators"),
        *("One for each person and assignment.", "[Grade]"),
    ),
    Operation(
        *("grading", "get", f"{_ASSIGNMENT}/grading", "What came of hand-ins, for staff"),
        *("The newest run, and what came of each person's version to grade.", "Grading"),
    ),
    Operation(
        *("grade", "post", f"{_ASSIGNMENT}/grading", "Collect and grade what is new"),
        *("It is begun, or waits for its turn.", "GradingRun"),
        status=202,
        query={"everybody": _YES},
    ),
    Operation(
        *("stop_grading", "delete", f"{_ASSIGNMENT}/grading", "Stop the run that is not over"),
        "It stops; what is graded by then stays so.",
        status=204,
    ),
    Operation(
        *("publish", "post", f"{_ASSIGNMENT}/publish", "Release feedback on all that is graded"),
        *("It is begun, or waits for its turn.", "GradingRun"),
        status=202,
        query={"everybody": _YES},
    ),
    Operation(
        *("extensions", "get", f"{_COURSE}/extensions", "Who has more time, for staff"),
        *("Extensions.", "[Extension]"),
    ),
    *(
        operation
        for kind, what in (("people", "person"), ("groups", "group"))
        for operation in (
            Operation(
                *(f"extend_{what}", "put", f"{_EXTENSIONS}/{kind}/{{{what}}}"),
                *(f"Give a {what} more time, or change it", "The extension.", "Extension"),
                body="ExtensionWish",
            ),
            Operation(
                *(f"withdraw_{what}_extension", "delete", f"{_EXTENSIONS}/{kind}/{{{what}}}"),
                *(f"Take a {what}'s extension back", "It is gone."),
                status=204,
            ),
        )
    ),
    Operation(
        *("lateness", "get", f"{_ASSIGNMENT}/lateness", "How late hand-ins are, for staff"),
        *("One for each submission.", "[Late]"),
    ),
    Operation(
        *("groups", "get", f"{_COURSE}/groups", "The groups of a course, for staff"),
        *("Groups.", "[Group]"),
    ),
    Operation(
        *("put_group", "put", f"{_COURSE}/groups/{{group}}", "Say who is in a group"),
        *("The group.", "Group"),
        body="GroupWish",
    ),
    Operation(
        *("remove_group", "delete", f"{_COURSE}/groups/{{group}}", "Remove a group"),
        "It is gone.",
        status=204,
    ),
)

"""What the API answers with, as JSON schemas, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DIGEST: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
COUNT: Schema = {"type": "integer", "minimum": 0}
BOOLEAN: Schema = {"type": "boolean"}


def one(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def maybe(schema: Mapping[str, Any]) -> Schema:
    """The same, or null."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def called(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_SUBMISSION: dict[str, Schema] = {
    "id": TEXT,
    "timestamp": MOMENT,
    "on_time": BOOLEAN,
    "feedback": maybe(MOMENT),
    "score": maybe({"type": "number"}),
    "max_score": maybe({"type": "number"}),
    "tasks": many(one(name=TEXT, score={"type": "number"}, max_score={"type": "number"})),
    "to_grade": BOOLEAN,
}
_CHECK = one(waiting=BOOLEAN, passed=COUNT, count=COUNT, failed=many(TEXT), says=TEXT)
_REASON = one(kind=TEXT, facts={"type": "object"}, says=TEXT)
_CHANGED = maybe({"type": "object"})

SCHEMAS: dict[str, Schema] = {
    "Error": one(status={"type": "integer"}, message=TEXT),
    "Health": one(status={"const": "ok"}),
    "Document": one(openapi=TEXT, info={"type": "object"}, paths={"type": "object"}),
    "Course": one(slug=TEXT, title=TEXT, role={"enum": ["student", "assistant", "instructor"]}),
    "Submission": one(**_SUBMISSION, check=maybe(_CHECK)),
    "SubmissionOf": one(user=TEXT, **_SUBMISSION),
    "Assignment": one(
        name=TEXT,
        title=TEXT,
        due=maybe(MOMENT),
        late=TEXT,
        max_bytes=COUNT,
        max_files=COUNT,
        kinds=many(TEXT),
        released=maybe(MOMENT),
        fetched=maybe(MOMENT),
        submissions=many(called("Submission")),
    ),
    "Receipt": one(
        id=TEXT,
        course=TEXT,
        assignment=TEXT,
        user=TEXT,
        timestamp=MOMENT,
        due=maybe(MOMENT),
        on_time=BOOLEAN,
        files=many(one(path=TEXT, bytes=COUNT, sha256=DIGEST)),
        content=DIGEST,
        key=TEXT,
        signature=TEXT,
    ),
    "ReceiptKeys": one(keys={"type": "array"}),
    "Extension": one(
        assignment=TEXT,
        user=maybe(TEXT),
        group=maybe(TEXT),
        due=MOMENT,
        reason=TEXT,
        given_by=TEXT,
        given=MOMENT,
    ),
    "ExtensionWish": one(due=MOMENT, reason=TEXT),
    "Late": one(
        id=TEXT,
        user=TEXT,
        timestamp=MOMENT,
        due=maybe(MOMENT),
        extended=BOOLEAN,
        days=COUNT,
        penalty={"type": "number"},
    ),
    "Group": one(name=TEXT, members=many(TEXT)),
    "GroupWish": one(members=many(TEXT)),
    "Grade": one(
        user=TEXT,
        assignment=TEXT,
        score=maybe({"type": "number"}),
        max_score=maybe({"type": "number"}),
        submitted=maybe(MOMENT),
        on_time=maybe(BOOLEAN),
        graded_version=maybe(COUNT),
        version_to_grade=maybe(COUNT),
        versions=COUNT,
        submission=TEXT,
        passed=maybe(BOOLEAN),
    ),
    "GradingRun": one(
        id=COUNT,
        kind={"enum": ["collect", "grade", "publish", "preview", "tests"]},
        state={"enum": ["waiting", "running", "done", "failed", "stopped"]},
        asked=MOMENT,
        asked_by=TEXT,
        ended=maybe(MOMENT),
        done=COUNT,
        total=COUNT,
        says=TEXT,
    ),
    "Grading": one(
        run=maybe(called("GradingRun")),
        outcomes=many(
            one(
                user=TEXT,
                submission=TEXT,
                graded=maybe(TEXT),
                state=maybe({"enum": ["graded", "failed", "suspect", "refused", "retry"]}),
                reason=maybe(_REASON),
                evidence=many(_REASON),
                score=maybe({"type": "number"}),
                max_score=maybe({"type": "number"}),
                needs_manual_grading=COUNT,
            )
        ),
    ),
    "Released": one(released=MOMENT),
    "FeedbackReleased": one(feedback=MOMENT),
    "Change": one(
        id=COUNT,
        at=MOMENT,
        actor=TEXT,
        action=TEXT,
        course=TEXT,
        subject=maybe(TEXT),
        before=_CHANGED,
        after=_CHANGED,
        detail={"type": "object"},
    ),
    "Announcement": one(
        id=COUNT, title=TEXT, text=TEXT, author=TEXT, written=MOMENT, until=maybe(MOMENT)
    ),
    "Changes": one(changes=many(called("Change")), older=maybe(COUNT)),
}

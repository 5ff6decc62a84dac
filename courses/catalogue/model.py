"""The shape of ``course.toml``, and what is said to one who writes it differently."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import ErrorDetails

from courses import names
from courses.course import DEFAULT_MAX_BYTES, Assignment, ClassHours, Course, LateRule
from courses.environment import Environment
from courses.errors import BadName

_EXAMPLE_DUE = "2026-11-27T23:59:00+01:00"


def _rule(check: Callable[[str], str]) -> BeforeValidator:
    def apply(value: Any) -> Any:
        if isinstance(value, str):
            try:
                return check(value)
            except BadName as error:
                raise ValueError(str(error)) from error
        return value

    return BeforeValidator(apply)


def _due(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    if value is not None:
        raise ValueError(
            f"needs day, time and offset from UTC, without quotes, like {_EXAMPLE_DUE}."
        )
    return None


def _zone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{value!r} is not a time zone known here. Use an IANA name, like 'Europe/Oslo'."
            ) from error
    return value


Text = Annotated[str, Field(strict=True, min_length=1)]


class AssignmentModel(BaseModel):
    """One ``[[assignments]]`` table."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Text, _rule(names.assignment)]
    title: Text
    due: Annotated[datetime | None, BeforeValidator(_due)] = None
    late: LateRule = LateRule.ACCEPT
    max_bytes: Annotated[int, Field(strict=True, gt=0, le=10**12)] = DEFAULT_MAX_BYTES

    def value(self) -> Assignment:
        return Assignment(self.name, self.title, self.due, self.late, self.max_bytes)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise ValueError(f"needs day, time and offset from UTC, without quotes, like {_EXAMPLE_DUE}.")


Moment = Annotated[datetime, BeforeValidator(_moment)]
# What Slurm takes as a name.
Word = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9_.-]*$")]


class ClassModel(BaseModel):
    """One ``[[classes]]`` table."""

    model_config = ConfigDict(extra="forbid")

    starts: Moment
    ends: Moment
    reservation: Word = ""
    qos: Word = ""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("ends before it starts. Exchange the two.")
        return self

    def value(self) -> ClassHours:
        return ClassHours(self.starts, self.ends, self.reservation, self.qos)


def _python(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"3\.[1-9][0-9]", value):
        return value
    raise ValueError('must be a Python version in quotes, like "3.11".')


def _file(value: Any) -> Any:
    if isinstance(value, str) and (value.startswith("/") or ".." in Path(value).parts):
        raise ValueError(
            f"{value!r} is outside the course's folder. Put the file beside course.toml."
        )
    return value


class EnvironmentModel(BaseModel):
    """The ``[environment]`` table."""

    model_config = ConfigDict(extra="forbid")

    requirements: Annotated[Text, BeforeValidator(_file)]
    python: Annotated[str, BeforeValidator(_python)] = ""

    def value(self) -> Environment:
        return Environment(self.requirements, self.python)


class CourseModel(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    slug: Annotated[Text, _rule(names.slug)]
    title: Text
    summary: Text
    offers: Annotated[list[Text], Field(min_length=1)]
    timezone: Annotated[Text, BeforeValidator(_zone)]
    assignments: list[AssignmentModel] = []
    classes: list[ClassModel] = []
    environment: EnvironmentModel | None = None

    def value(self) -> Course:
        return Course(
            slug=self.slug,
            title=self.title,
            summary=self.summary,
            offers=tuple(self.offers),
            timezone=self.timezone,
            assignments=tuple(assignment.value() for assignment in self.assignments),
            classes=tuple(each.value() for each in self.classes),
            environment=self.environment.value() if self.environment else None,
        )


TABLES: dict[int | str, type[BaseModel]] = {
    "assignments": AssignmentModel,
    "classes": ClassModel,
    "environment": EnvironmentModel,
}


def sentence(error: ErrorDetails) -> str:
    """What one of pydantic's errors means for the person who wrote the file."""
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing. Add it."
        case "extra_forbidden":
            return _unknown_key(error["loc"])
        case "string_type":
            return "must be text in quotes."
        case "string_too_short" | "too_short":
            return "is empty. Write at least one."
        case "int_type":
            return "must be a whole number, without quotes."
        case "greater_than":
            return f"must be more than {context['gt']}."
        case "less_than_equal":
            return f"must be at most {context['le']}."
        case "list_type" if error["loc"][-1] in ("assignments", "classes"):
            return f"must be tables, each under a line [[{error['loc'][-1]}]]."
        case "string_pattern_mismatch":
            return "may have letters, digits, dots, dashes and underscores."
        case "list_type":
            return 'must be a list, like ["cpu-small"].'
        case "enum":
            return f"must be one of {context['expected']}."
        case "model_type" | "dict_type":
            return "must be a table."
        case "value_error":
            return str(context["error"])
    return f"{error['msg']}."


def _unknown_key(location: tuple[int | str, ...]) -> str:
    known = list(TABLES.get(location[0], CourseModel).model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Known are {', '.join(known)}."
    return f"is not known. {hint}"

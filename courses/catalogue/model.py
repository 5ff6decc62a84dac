"""The shape of ``course.toml``, and what is said to one who writes it differently."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import ErrorDetails

from courses import names
from courses.course import (
    DEFAULT_MAX_BYTES,
    DEFAULT_MAX_FILES,
    MB,
    Assignment,
    ClassHours,
    Course,
    LateRule,
)
from courses.datasets import Dataset
from courses.environment import Environment
from courses.errors import BadName
from courses.grades import Grading

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


def _share(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise ValueError("must be a number above 0, at most 1: 0.1 takes a tenth of the points a day.")


Share = Annotated[float, BeforeValidator(_share)]
Minutes = Annotated[int, Field(strict=True, ge=0, le=1440)]


class LateModel(BaseModel):
    """The ``[late]`` table: what holds for each assignment that says nothing else."""

    model_config = ConfigDict(extra="forbid")

    rule: LateRule = LateRule.ACCEPT
    penalty_per_day: Share | None = None
    grace_minutes: Minutes = 0


def _kind(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\.[A-Za-z0-9_.+-]{1,30}", value):
        return value
    raise ValueError('must be the end of a file\'s name in quotes, with its dot, like ".ipynb".')


Bytes = Annotated[int, Field(strict=True, gt=0, le=10**12)]
Files = Annotated[int, Field(strict=True, gt=0, le=10_000)]
Kind = Annotated[str, BeforeValidator(_kind)]


class LimitsModel(BaseModel):
    """The ``[limits]`` table: what holds for each assignment that says nothing else."""

    model_config = ConfigDict(extra="forbid")

    max_bytes: Bytes = DEFAULT_MAX_BYTES
    max_files: Files = DEFAULT_MAX_FILES
    kinds: list[Kind] = []


def _module(value: Any) -> Any:
    if isinstance(value, str) and all(part.isidentifier() for part in value.split(".")):
        return value
    raise ValueError('must be the name of a Python module in quotes, like "numpy".')


def _percent(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 100:
        return float(value)
    raise ValueError("must be a number above 0, at most 100: 40 takes 40 % of the points.")


Module = Annotated[str, BeforeValidator(_module)]
Percent = Annotated[float, BeforeValidator(_percent)]
# A day at most; the operator may have less.
Seconds = Annotated[int, Field(strict=True, gt=0, le=86_400)]
Megabytes = Annotated[int, Field(strict=True, ge=100, le=10**6)]
Gpus = Annotated[int, Field(strict=True, ge=0, le=64)]
YesOrNo = Annotated[bool, Field(strict=True)]


class GradingModel(BaseModel):
    """The ``[grading]`` table, for all assignments, and ``grading`` of one.

    What is not said there is as in ``usual``.
    """

    model_config = ConfigDict(extra="forbid")

    preload: list[Module] | None = None
    seconds: Seconds | None = None
    cell_seconds: Seconds | None = None
    memory_mb: Megabytes | None = None
    gpus: Gpus | None = None
    grade_on_submit: YesOrNo | None = None
    hidden_tests_in_feedback: YesOrNo | None = None
    pass_percent: Percent | None = None

    def value(self, usual: Grading) -> Grading:
        said = self.model_dump(exclude_none=True)
        limits: dict[str, Any] = {}
        if "seconds" in said:
            limits["seconds"] = limits["cpu_seconds"] = float(said.pop("seconds"))
        if "cell_seconds" in said:
            limits["cell_seconds"] = float(said.pop("cell_seconds"))
        if "memory_mb" in said:
            limits["memory_bytes"] = said.pop("memory_mb") * MB
        if "preload" in said:
            said["preload"] = tuple(said["preload"])
        return replace(usual, limits=replace(usual.limits, **limits), **said)


class AssignmentModel(BaseModel):
    """One ``[[assignments]]`` table."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Text, _rule(names.assignment)]
    title: Text
    due: Annotated[datetime | None, BeforeValidator(_due)] = None
    late: LateRule | None = None
    penalty_per_day: Share | None = None
    grace_minutes: Minutes | None = None
    max_bytes: Bytes | None = None
    max_files: Files | None = None
    kinds: list[Kind] | None = None
    grading: GradingModel = GradingModel()
    was: Annotated[str, _rule(lambda text: text and names.assignment(text))] = ""

    def value(self, usual: LateModel, limits: LimitsModel, grading: Grading) -> Assignment:
        late = usual.rule if self.late is None else self.late
        share = self.penalty_per_day
        if share is None and late is LateRule.PENALTY:
            share = usual.penalty_per_day
        grace = usual.grace_minutes if self.grace_minutes is None else self.grace_minutes
        return Assignment(
            self.name,
            self.title,
            self.due,
            late,
            limits.max_bytes if self.max_bytes is None else self.max_bytes,
            self.was,
            penalty_per_day=share or 0.0,
            grace_minutes=grace,
            max_files=limits.max_files if self.max_files is None else self.max_files,
            kinds=tuple(limits.kinds if self.kinds is None else self.kinds),
            grading=self.grading.value(grading),
        )


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


def _digest(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value
    raise ValueError(f"must be 64 digits of 0-9 and a-f, in quotes. {DESCRIBE}")


DESCRIBE = "To get it: lesesal data describe PATH"
Count = Annotated[int, Field(strict=True, ge=0)]


class DatasetModel(BaseModel):
    """One ``[[datasets]]`` table."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Text, _rule(names.dataset)]
    source: Text
    size: Count
    sha256: Annotated[str, BeforeValidator(_digest)]
    licence: Text

    def value(self) -> Dataset:
        return Dataset(self.name, self.source, self.size, self.sha256, self.licence)


class CourseModel(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    slug: Annotated[Text, _rule(names.slug)]
    title: Text
    summary: Text
    offers: Annotated[list[Text], Field(min_length=1)]
    timezone: Annotated[Text, BeforeValidator(_zone)]
    late: LateModel = LateModel()
    limits: LimitsModel = LimitsModel()
    grading: GradingModel = GradingModel()
    assignments: list[AssignmentModel] = []
    classes: list[ClassModel] = []
    environment: EnvironmentModel | None = None
    datasets: list[DatasetModel] = []

    def value(self) -> Course:
        grading = self.grading.value(Grading())
        return Course(
            slug=self.slug,
            title=self.title,
            summary=self.summary,
            offers=tuple(self.offers),
            timezone=self.timezone,
            assignments=tuple(
                each.value(self.late, self.limits, grading) for each in self.assignments
            ),
            classes=tuple(each.value() for each in self.classes),
            environment=self.environment.value() if self.environment else None,
            datasets=tuple(each.value() for each in self.datasets),
        )


TABLES: dict[int | str, type[BaseModel]] = {
    "assignments": AssignmentModel,
    "classes": ClassModel,
    "datasets": DatasetModel,
    "environment": EnvironmentModel,
    "grading": GradingModel,
    "late": LateModel,
    "limits": LimitsModel,
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
        case "greater_than_equal":
            return f"must be at least {context['ge']}."
        case "less_than_equal":
            return f"must be at most {context['le']}."
        case "list_type" if error["loc"][-1] in ("assignments", "classes", "datasets"):
            return f"must be tables, each under a line [[{error['loc'][-1]}]]."
        case "string_pattern_mismatch":
            return "may have letters, digits, dots, dashes and underscores."
        case "bool_type":
            return "must be true or false, without quotes."
        case "list_type" if error["loc"][-1] == "preload":
            return 'must be a list, like ["numpy"].'
        case "list_type" if error["loc"][-1] == "kinds":
            return 'must be a list, like [".ipynb", ".py"].'
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
    tables = [part for part in location[:-1] if part in TABLES]
    known = list((TABLES[tables[-1]] if tables else CourseModel).model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Known are {', '.join(known)}."
    return f"is not known. {hint}"

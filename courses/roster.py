"""Rosters: a list of people as a CSV file, and what it would change in a course."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from courses import names
from courses.course import Enrolment, Role
from courses.deadlines import Group, group_name
from courses.errors import BadName, CourseError, Malformed
from courses.language import gettext as _

MAX_BYTES = 500_000
MAX_LINES = 5_000
_DELIMITERS = (";", ",", "\t")
_MOST_PROBLEMS = 50
# Between the groups of one person.
_BETWEEN = ";"


class _Line(BaseModel):
    """A line of the file."""

    model_config = ConfigDict(frozen=True)

    user: str
    role: Role = Role.STUDENT
    groups: tuple[str, ...] = ()

    @field_validator("groups", mode="before")
    @classmethod
    def _groups(cls, value: str) -> tuple[str, ...]:
        parts = [part.strip() for part in value.split(_BETWEEN)]
        try:
            return tuple(dict.fromkeys(group_name(part) for part in parts if part))
        except CourseError as error:
            raise ValueError(str(error)) from None

    @field_validator("user")
    @classmethod
    def _name(cls, value: str) -> str:
        try:
            return names.user(value)
        except BadName as error:
            raise ValueError(str(error)) from None

    @field_validator("role", mode="before")
    @classmethod
    def _role(cls, value: object) -> Role:
        try:
            return Role(str(value).strip().lower() or Role.STUDENT)
        except ValueError:
            raise ValueError(
                _("{role!r} is no role: write {roles}.", role=value, roles=", ".join(Role))
            ) from None


@dataclass(frozen=True)
class Roster:
    """What a file says.

    Attributes:
        people: the role of each person, in the file's order.
        problems: sentences that name the line; with any, nothing may be applied.
        groups: all groups of each person; None where the file does not speak of groups.
    """

    people: dict[str, Role] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Step:
    """What becomes of one person; None is not being in the course."""

    user: str
    before: Role | None
    after: Role | None

    @property
    def kind(self) -> Literal["new", "role", "removed"]:
        if self.before is None:
            return "new"
        return "removed" if self.after is None else "role"


@dataclass(frozen=True)
class GroupStep:
    """What becomes of one group.

    Attributes:
        new: whether it is made.
        joins, leaves: of the people in the file.
        members: all that are in it then.
    """

    name: str
    new: bool
    joins: tuple[str, ...]
    leaves: tuple[str, ...]
    members: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a roster would change in a course.

    Attributes:
        steps: by kind, then as in the file.
        groups: those that change, by name.
        unchanged: how many are in both as the same.
        kept: who is in the course, not in the file, and stays.
        problems: why it cannot be applied.
        basis: changes whenever the course's people or the roster do.
    """

    steps: tuple[Step, ...]
    unchanged: int
    kept: tuple[Enrolment, ...]
    problems: tuple[str, ...]
    basis: str
    groups: tuple[GroupStep, ...] = ()


def read(data: bytes) -> Roster:
    """A CSV file's roster: UTF-8 with or without a mark, commas, semicolons or tabs.

    The first line names the columns: ``user``, and ``role`` and ``groups`` if there are such.
    Several groups of a person have semicolons between them. Raises `Malformed` for what is no such
    file at all.
    """
    if len(data) > MAX_BYTES:
        raise Malformed(_("This file is too large for a roster. Upload a part of it at a time."))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed(
            _("This file is not in UTF-8. In Excel, save it as “CSV UTF-8”, and upload it again.")
        ) from None
    try:
        lines = list(_lines(text))
    except csv.Error as error:
        raise Malformed(_("This file cannot be read as CSV: {why}.", why=error)) from None
    if not lines:
        raise Malformed(_("This file is empty. Its first line must name the columns."))
    _first, heads = lines[0]
    columns = [head.strip().lower() for head in heads]
    if columns.count("user") != 1 or max(map(columns.count, ("role", "groups"))) > 1:
        raise Malformed(
            _("The first line must name the columns: user, and where you want them role, groups.")
        )
    if len(lines) - 1 > MAX_LINES:
        raise Malformed(_("A roster has at most {count} lines.", count=MAX_LINES))
    return _people(columns, lines[1:])


def _lines(text: str) -> Iterable[tuple[int, list[str]]]:
    """Lines that are not blank, with the number of each's last line in the file."""
    skipped = 0
    head = text.partition("\n")[0]
    if head.strip().lower().startswith("sep="):  # Excel's own hint
        text, skipped = text[len(head) + 1 :], 1
        head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for fields in reader:
        if any(each.strip() for each in fields):
            yield reader.line_num + skipped, fields


def _people(columns: list[str], lines: list[tuple[int, list[str]]]) -> Roster:
    people: dict[str, Role] = {}
    groups: dict[str, tuple[str, ...]] = {}
    where: dict[str, int] = {}
    problems: list[str] = []

    def wrong(number: int, why: str) -> None:
        problems.append(_("Line {number}: {why}", number=number, why=why))

    for number, fields in lines:
        if len(fields) > len(columns):
            wrong(number, _("it has more fields than the first line names."))
            continue
        cells = dict(zip(columns, (each.strip() for each in fields), strict=False))
        try:
            line = _Line.model_validate(
                {
                    "user": cells.get("user", ""),
                    "role": cells.get("role", ""),
                    "groups": cells.get("groups", ""),
                }
            )
        except ValidationError as error:
            for each in error.errors():
                wrong(number, each["msg"].removeprefix("Value error, "))
            continue
        # The hub's own spelling is in small letters: two spellings are one person.
        same = line.user.casefold()
        if same in where:
            wrong(
                number,
                _("{user} is on line {other} too.", user=repr(line.user), other=where[same]),
            )
            continue
        where[same] = number
        people[line.user], groups[line.user] = line.role, line.groups
    if len(problems) > _MOST_PROBLEMS:
        more = len(problems) - _MOST_PROBLEMS
        problems[_MOST_PROBLEMS:] = [_("… and {count} more.", count=more)]
    return Roster(people, tuple(problems), groups if "groups" in columns else None)


def plan(
    roster: Roster, enrolled: Sequence[Enrolment], groups: Sequence[Group] = (), *, remove: bool
) -> Plan:
    """What a roster changes among the people of a course.

    Where the file speaks of groups, each person in it is in exactly those afterwards; who is not
    in the file stays in theirs.

    Args:
        enrolled, groups: as the course has them now.
        remove: whether who is not in the file leaves the course.
    """
    now = {each.user: each.role for each in enrolled}
    problems = list(roster.problems)
    spelled = {user.casefold(): user for user in now}
    for user in roster.people:
        other = spelled.get(user.casefold(), user)
        if other != user:
            problems.append(
                _("{user} is enrolled as {other}: write the name so.", user=user, other=other)
            )
    new = [Step(user, None, role) for user, role in roster.people.items() if user not in now]
    changed = [
        Step(user, now[user], role)
        for user, role in roster.people.items()
        if user in now and now[user] is not role
    ]
    absent = [each for each in enrolled if each.user not in roster.people]
    removed = [Step(each.user, each.role, None) for each in absent] if remove else []
    steps = (*new, *changed, *removed)
    after = now | {each.user: each.after for each in steps}
    if Role.INSTRUCTOR in now.values() and Role.INSTRUCTOR not in after.values():
        problems.append(_("The course would be left without an instructor."))
    return Plan(
        steps=steps,
        unchanged=len(roster.people) - len(new) - len(changed),
        kept=() if remove else tuple(absent),
        problems=tuple(problems),
        basis=_basis(roster, now, groups, remove=remove),
        groups=_group_steps(roster, groups, {user for user, role in after.items() if role}),
    )


def _group_steps(
    roster: Roster, groups: Sequence[Group], enrolled: set[str]
) -> tuple[GroupStep, ...]:
    if roster.groups is None:
        return ()
    known = {group.name: set(group.members) for group in groups}
    wanted: dict[str, set[str]] = {name: set() for name in known}
    for user, names_ in roster.groups.items():
        for name in names_:
            wanted.setdefault(name, set()).add(user)
    steps = []
    for name, users in sorted(wanted.items()):
        before = known.get(name, set())
        joins = users - before
        leaves = (before & roster.groups.keys()) - users
        if joins or leaves:
            members = ((before | joins) - leaves) & enrolled
            parts = (tuple(sorted(each)) for each in (joins, leaves, members))
            steps.append(GroupStep(name, name not in known, *parts))
    return tuple(steps)


def as_csv(roster: Roster) -> str:
    """A roster as a file that `read` reads as the same."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    groups = roster.groups
    writer.writerow(("user", "role") if groups is None else ("user", "role", "groups"))
    for user, role in roster.people.items():
        more = () if groups is None else (_BETWEEN.join(groups.get(user, ())),)
        writer.writerow((user, role.value, *more))
    return out.getvalue()


def _basis(roster: Roster, now: dict[str, Role], groups: Sequence[Group], *, remove: bool) -> str:
    whole: list[object] = [
        sorted(roster.people.items()),
        roster.problems,
        sorted(now.items()),
        remove,
    ]
    if roster.groups is not None:
        whole += [sorted(roster.groups.items()), sorted((g.name, g.members) for g in groups)]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()

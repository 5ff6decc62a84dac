"""course.toml: what is right becomes a course, what is wrong is said with file, line and field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from courses import catalogue
from courses.catalogue.folder import digest
from courses.course import Assignment, Course, LateRule
from courses.errors import CatalogueError
from courses.grades import Grading, Limits

GOOD = '''slug = "optics"
title = "Optics"
summary = """
Light,
title = "not a key"
"""
offers = ["cpu-small", "gpu-slice"]
timezone = "Europe/Oslo"

[[assignments]]
name = "lenses"
title = "Lenses"
due = 2026-11-27T23:59:00+01:00
late = "refuse"
max_bytes = 1_000_000

[[assignments]]
name = "mirrors"
title = "Mirrors"
'''


def folder(path: Path, text: str) -> Path:
    path.mkdir(exist_ok=True)
    path.joinpath("course.toml").write_text(text)
    for name in ("lenses", "mirrors"):
        path.joinpath("source", name).mkdir(parents=True)
        path.joinpath("source", name, f"{name}.ipynb").write_text("{}")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        catalogue.load(path)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def test_a_course(tmp_path: Path) -> None:
    assert catalogue.load(folder(tmp_path, GOOD)) == Course(
        slug="optics",
        title="Optics",
        summary='Light,\ntitle = "not a key"\n',
        offers=("cpu-small", "gpu-slice"),
        timezone="Europe/Oslo",
        assignments=(
            Assignment(
                "lenses",
                "Lenses",
                datetime(2026, 11, 27, 22, 59, tzinfo=UTC),
                LateRule.REFUSE,
                1_000_000,
            ),
            Assignment("mirrors", "Mirrors", None, LateRule.ACCEPT, 20_000_000),
        ),
    )


DUE = "needs day, time and offset from UTC, without quotes, like 2026-11-27T23:59:00+01:00."
SLUG = (
    "'Optics!' cannot be a course's slug: use 1 to 30 of a-z, 0-9 and '-', "
    "beginning with a letter or a digit."
)
NAME = (
    "'../etc' cannot be an assignment's name: use 1 to 64 letters (a-z, A-Z), digits, "
    "'.', '_' and '-', beginning with a letter or a digit."
)
ZONE = "'Europe/Olso' is not a time zone known here. Use an IANA name, like 'Europe/Oslo'."
SHARE = "must be a number above 0, at most 1: 0.1 takes a tenth of the points a day."
FIELDS = [
    ('slug = "optics"', 'slug = "Optics!"', f"course.toml line 1, slug: {SLUG}"),
    ('slug = "optics"\n', "", "course.toml line 1, slug: is missing. Add it."),
    ('title = "Optics"', "title = 3", "course.toml line 2, title: must be text in quotes."),
    ('title = "Optics"', 'title = ""', "course.toml line 2, title: is empty. Write at least one."),
    (
        'title = "Optics"',
        'titel = "Optics"\ntitle = "Optics"',
        "course.toml line 2, titel: is not known. Did you mean 'title'?",
    ),
    (
        'title = "Optics"',
        'title = "Optics"\nzzz = 1',
        "course.toml line 3, zzz: is not known. "
        "Known are slug, title, summary, offers, timezone, late, limits, grading, assignments, "
        "classes, environment, datasets.",
    ),
    (
        'offers = ["cpu-small", "gpu-slice"]',
        "offers = []",
        "course.toml line 7, offers: is empty. Write at least one.",
    ),
    (
        'offers = ["cpu-small", "gpu-slice"]',
        'offers = "cpu"',
        'course.toml line 7, offers: must be a list, like ["cpu-small"].',
    ),
    (
        'offers = ["cpu-small", "gpu-slice"]',
        'offers = ["cpu", 3]',
        "course.toml line 7, offers[1]: must be text in quotes.",
    ),
    ("Europe/Oslo", "Europe/Olso", f"course.toml line 8, timezone: {ZONE}"),
    (
        "2026-11-27T23:59:00+01:00",
        "2026-11-27T23:59:00",
        f"course.toml line 13, assignments[0].due: {DUE}",
    ),
    (
        "2026-11-27T23:59:00+01:00",
        "2026-11-27",
        f"course.toml line 13, assignments[0].due: {DUE}",
    ),
    (
        "2026-11-27T23:59:00+01:00",
        '"tomorrow"',
        f"course.toml line 13, assignments[0].due: {DUE}",
    ),
    (
        "2026-11-27T23:59:00+01:00",
        "3",
        f"course.toml line 13, assignments[0].due: {DUE}",
    ),
    (
        'late = "refuse"',
        'late = "never"',
        "course.toml line 14, assignments[0].late: must be one of 'accept', 'refuse' or 'penalty'.",
    ),
    (
        'late = "refuse"',
        'late = "penalty"',
        "course.toml line 14, assignments[0].late: needs penalty_per_day too, the share of the "
        "points that a day costs, like 0.1.",
    ),
    (
        'late = "refuse"',
        'late = "refuse"\npenalty_per_day = 0.1',
        "course.toml line 14, assignments[0].late: has a penalty_per_day, which needs "
        'late = "penalty".',
    ),
    (
        'title = "Mirrors"',
        'title = "Mirrors"\npenalty_per_day = 0.1',
        "course.toml line 17, assignments[1].late: has a penalty_per_day, which needs "
        'late = "penalty".',
    ),
    (
        'late = "refuse"',
        'late = "penalty"\npenalty_per_day = 10',
        f"course.toml line 15, assignments[0].penalty_per_day: {SHARE}",
    ),
    (
        'late = "refuse"',
        'late = "penalty"\npenalty_per_day = true',
        f"course.toml line 15, assignments[0].penalty_per_day: {SHARE}",
    ),
    (
        'late = "refuse"',
        "grace_minutes = -1",
        "course.toml line 14, assignments[0].grace_minutes: must be at least 0.",
    ),
    (
        'late = "refuse"',
        "grace_minutes = 1.5",
        "course.toml line 14, assignments[0].grace_minutes: must be a whole number, without "
        "quotes.",
    ),
    (
        '[[assignments]]\nname = "lenses"',
        '[late]\nlate = "penalty"\n\n[[assignments]]\nname = "lenses"',
        "course.toml line 11, late.late: is not known. Known are rule, penalty_per_day, "
        "grace_minutes.",
    ),
    (
        "1_000_000",
        '"20 MB"',
        "course.toml line 15, assignments[0].max_bytes: must be a whole number, without quotes.",
    ),
    (
        "1_000_000",
        "0",
        "course.toml line 15, assignments[0].max_bytes: must be more than 0.",
    ),
    (
        "max_bytes = 1_000_000",
        "max_files = 0",
        "course.toml line 15, assignments[0].max_files: must be more than 0.",
    ),
    (
        "max_bytes = 1_000_000",
        'kinds = ".ipynb"',
        'course.toml line 15, assignments[0].kinds: must be a list, like [".ipynb", ".py"].',
    ),
    (
        '[[assignments]]\nname = "lenses"',
        '[limits]\nkinds = ["ipynb"]\n\n[[assignments]]\nname = "lenses"',
        "course.toml line 11, limits.kinds[0]: must be the end of a file's name in quotes, with "
        'its dot, like ".ipynb".',
    ),
    (
        '[[assignments]]\nname = "lenses"',
        '[grading]\npreload = ["import os"]\n\n[[assignments]]\nname = "lenses"',
        "course.toml line 11, grading.preload[0]: must be the name of a Python module in quotes, "
        'like "numpy".',
    ),
    (
        '[[assignments]]\nname = "lenses"',
        '[grading]\npreload = "numpy"\n\n[[assignments]]\nname = "lenses"',
        'course.toml line 11, grading.preload: must be a list, like ["numpy"].',
    ),
    (
        '[[assignments]]\nname = "lenses"',
        '[grading]\nmemory = 3\n\n[[assignments]]\nname = "lenses"',
        "course.toml line 11, grading.memory: is not known. Did you mean 'memory_mb'?",
    ),
    (
        "max_bytes = 1_000_000",
        "[assignments.grading]\nmemory_mb = 1",
        "course.toml line 16, assignments[0].grading.memory_mb: must be at least 100.",
    ),
    (
        "max_bytes = 1_000_000",
        'grading = {grade_on_submit = "yes"}',
        "course.toml line 15, assignments[0].grading.grade_on_submit: must be true or false, "
        "without quotes.",
    ),
    (
        "max_bytes = 1_000_000",
        "[assignments.grading]\nsecond = 1",
        "course.toml line 16, assignments[0].grading.second: is not known. Did you mean 'seconds'?",
    ),
    (
        "max_bytes = 1_000_000",
        "[assignments.grading]\npass_percent = 101",
        "course.toml line 16, assignments[0].grading.pass_percent: must be a number above 0, at "
        "most 100: 40 takes 40 % of the points.",
    ),
    ('name = "mirrors"', 'name = "../etc"', f"course.toml line 18, assignments[1].name: {NAME}"),
    (
        'name = "mirrors"\n',
        "",
        "course.toml line 17, assignments[1].name: is missing. Add it.",
    ),
    (
        'title = "Mirrors"',
        'title = "Mirrors"\ndeu = 2026-11-27T23:59:00+01:00',
        "course.toml line 20, assignments[1].deu: is not known. Did you mean 'due'?",
    ),
    (
        'name = "mirrors"',
        'name = "lenses"',
        "course.toml line 18, assignments[1].name: 'lenses' is there already. "
        "Give each assignment its own name.",
    ),
    (
        'timezone = "Europe/Oslo"',
        'timezone = "Europe/Oslo',
        "course.toml line 8, column 24: Illegal character '\\n'.",
    ),
    (
        'summary = """',
        'summary = "',
        "course.toml line 3, column 12: Illegal character '\\n'.",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), FIELDS)
def test_a_problem_has_file_line_and_field(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert GOOD.count(old) == 1
    assert problems(folder(tmp_path, GOOD.replace(old, new))) == [message]


def test_all_problems_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = GOOD.replace('"Mirrors"', "1").replace('"optics"', "2").replace('"refuse"', "3")
    assert problems(folder(tmp_path, text)) == [
        "course.toml line 1, slug: must be text in quotes.",
        "course.toml line 14, assignments[0].late: must be one of 'accept', 'refuse' or 'penalty'.",
        "course.toml line 19, assignments[1].title: must be text in quotes.",
    ]


def test_what_may_be_handed_in(tmp_path: Path) -> None:
    usual = '[limits]\nmax_bytes = 5\nmax_files = 3\nkinds = [".ipynb", ".tar.gz"]\n\n[[ass'
    text = GOOD.replace("[[ass", usual, 1) + "max_files = 9\nkinds = []\n"
    found = catalogue.load(folder(tmp_path, text)).assignments
    assert [(each.max_bytes, each.max_files, each.kinds) for each in found] == [
        (1_000_000, 3, (".ipynb", ".tar.gz")),
        (5, 9, ()),
    ]


def test_what_late_work_costs(tmp_path: Path) -> None:
    usual = '[late]\nrule = "penalty"\npenalty_per_day = 0.1\ngrace_minutes = 15\n\n[[ass'
    text = GOOD.replace("[[ass", usual, 1) + "penalty_per_day = 0.25\ngrace_minutes = 0\n"
    found = catalogue.load(folder(tmp_path, text)).assignments
    assert [(each.late, each.penalty_per_day, each.grace_minutes) for each in found] == [
        (LateRule.REFUSE, 0.0, 15),
        (LateRule.PENALTY, 0.25, 0),
    ]
    text = GOOD.replace("[[ass", usual, 1).replace('late = "refuse"\n', "")
    assert [
        (each.late, each.penalty_per_day, each.grace_minutes)
        for each in catalogue.load(folder(tmp_path / "b", text)).assignments
    ] == [(LateRule.PENALTY, 0.1, 15)] * 2


def test_how_it_is_graded(tmp_path: Path) -> None:
    usual = '[grading]\npreload = ["numpy"]\nseconds = 1200\nmemory_mb = 4000\npass_percent = 40\n'
    text = GOOD.replace("[[ass", f"{usual}\n[[ass", 1) + (
        "[assignments.grading]\npreload = []\ncell_seconds = 5\ngpus = 1\ngrade_on_submit = true\n"
        "hidden_tests_in_feedback = false\npass_percent = 62.5\n"
    )
    limits = Limits(seconds=1200.0, cpu_seconds=1200.0, memory_bytes=4_000_000_000)
    assert [each.grading for each in catalogue.load(folder(tmp_path, text)).assignments] == [
        Grading(preload=("numpy",), limits=limits, pass_percent=40.0),
        Grading((), 1, replace(limits, cell_seconds=5.0), True, False, 62.5),
    ]


def test_assignments_that_are_no_tables(tmp_path: Path) -> None:
    text = GOOD.partition("[[assignments]]")[0] + 'assignments = "lenses"\n'
    assert problems(folder(tmp_path, text)) == [
        "course.toml line 10, assignments: must be tables, each under a line [[assignments]]."
    ]


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path} has no course.toml. Write one there."]
    assert problems(tmp_path / "x") == [
        f"{tmp_path}/x is not a folder. Give the folder that has course.toml in it."
    ]


def test_not_text(tmp_path: Path) -> None:
    tmp_path.joinpath("course.toml").write_bytes(b"\xff\xfe")
    assert problems(tmp_path) == ["course.toml: is not UTF-8 text. Save it as UTF-8."]


def test_the_source_folder(tmp_path: Path) -> None:
    folder(tmp_path, GOOD)
    (tmp_path / "source/lenses/lenses.ipynb").rename(tmp_path / "source/lenses/lenses.txt")
    (tmp_path / "source/lenses/link").symlink_to("/etc/passwd")
    (tmp_path / "source/mirrors/mirrors.ipynb").unlink()
    (tmp_path / "source/mirrors").rmdir()
    assert problems(tmp_path) == [
        "source/lenses: has no notebook. Put at least one .ipynb file there.",
        "source/lenses/link: is a symbolic link. Put a copy there.",
        "source/mirrors: is missing. Put the assignment's notebooks in this folder.",
    ]


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    folder(first, GOOD)
    folder(second, GOOD)
    assert digest(first) == digest(second)
    (second / "source/lenses/lenses.ipynb").write_text("{ }")
    assert digest(first) != digest(second)

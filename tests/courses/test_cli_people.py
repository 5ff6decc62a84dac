"""`lesesal roster`, `lesesal guests` and `lesesal person forget`, as an operator meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from classroom_kit import course, enrol, put

from courses.course import Role
from courses.joining import CodeWish
from courses.store import Store, audit, joining, people


def lesesal(*argv: object, answer: str = "", code: int = 0) -> str:
    """What it says; the streams are one, so that nothing goes unseen."""
    done = subprocess.run(
        [sys.executable, "-m", "courses.cli", *map(str, argv)],
        env={name: value for name, value in os.environ.items() if name != "LESESAL_HOME"},
        input=answer,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def test_roster(store: Store, tmp_path: Path) -> None:
    put(store, course())
    enrol(store, "optics", teacher="instructor", student1="student", student2="student")
    file = tmp_path / "roster.csv"
    file.write_bytes(
        "\ufeffuser;role\r\nteacher;instructor\r\nstudent1;assistant\r\nnew;\r\n".encode()
    )
    shown = "+ new  student\n~ student1  student -> assistant\n"
    counts = "2 changes, 1 unchanged, 1 not in the file and kept.\n"

    def roles() -> dict[str, str]:
        with store.reading() as session:
            return {each.user: each.role.value for each in people.people(session, "optics")}

    before = roles()
    argv = ("roster", "optics", file, "--home", tmp_path)
    for answer in ("n\n", "", "what\nno\n"):
        said = lesesal(*argv, answer=answer, code=1)
        assert said.startswith(shown + counts)
        assert said.endswith("Nothing was changed.\n")
    assert roles() == before
    assert lesesal(*argv, answer="y\n").endswith("Done.\n")
    assert roles() == before | {"student1": "assistant", "new": "student"}
    assert lesesal(*argv, "--remove", "--yes") == (
        "- student2  student\n1 changes, 3 unchanged, 0 not in the file and kept.\nDone.\n"
    )
    assert "student2" not in roles()
    assert lesesal(*argv) == "0 changes, 3 unchanged, 0 not in the file and kept.\n"
    file.write_text("user,role,groups\nstudent1,assistant,lab 1\nnew,,lab 1\n")
    assert lesesal(*argv, "--yes").startswith("group lab 1 (new): +new +student1\n0 changes")
    file.write_text("user\na b\n")
    said = lesesal(*argv, "--yes", code=1)
    assert "Line 2: 'a b' cannot be a user's name" in said
    assert said.endswith("Nothing was changed. Correct the file and try again.\n")
    assert "There is no course" in lesesal("roster", "nope", file, "--home", tmp_path, code=1)


def test_guests(store: Store, tmp_path: Path) -> None:
    put(store, course())
    at = audit.now()
    ends = at + timedelta(hours=1)
    with store.writing() as session:
        wish = CodeWish(Role.STUDENT, ends, 5, ends)
        code = joining.make_code(session, "optics", wish, actor="t", at=at).code
        name = joining.join_as_guest(session, code, "Ada", "hash", at=at).name
        joining.account_of(session, name, ["ws01"], at=at)
    until = f"{ends:%Y-%m-%d %H:%M}Z"
    home = ("--home", tmp_path)
    assert lesesal("guests", "list", *home) == f"guest-ada  optics  until {until}  ws01\n"
    said = lesesal("guests", "take-back", "ws01", *home, code=1)
    assert said == "guest-ada still uses ws01.\n"
    with store.writing() as session:
        joining.has_left(session, name, actor="classroom", at=at)
    said = lesesal("guests", "take-back", "ws01", *home)
    assert said == "ws01 was guest-ada's, and may be lent again.\n"
    assert lesesal("guests", "list", *home) == f"guest-ada  optics  left {until}  -\n"


def test_a_person_is_forgotten_when_told_twice(store: Store, tmp_path: Path) -> None:
    put(store, course())
    enrol(store, "optics", student1="student", student2="student")

    def names() -> set[str]:
        with store.reading() as session:
            return {each.user for each in people.people(session, "optics")}

    said = lesesal("person", "forget", "student1", "--home", tmp_path)
    assert "0 hand-ins of student1 with their feedback and 1 enrolments" in said
    assert said.endswith("Nothing was done. Do it with --yes.\n")
    assert names() == {"student1", "student2"}
    said = lesesal("person", "forget", "student1", "--home", tmp_path, "--yes")
    assert "student1 is called removed-" in said
    assert "lesesal store verify --collect" in said
    assert names() == {"student2"}
    said = lesesal("person", "forget", "student1", "--home", tmp_path, "--yes")
    assert said == "Nothing is held on student1.\n"

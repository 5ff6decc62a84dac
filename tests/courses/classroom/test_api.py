"""docs/exchange-api.md, row by row and error by error, over HTTP against a real hub."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import select
import socket
import stat
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from classroom_kit import EARLIER, course, enrol, put, unzipped, zipped

from courses.course import Assignment, LateRule
from courses.store.courses import put_course

if TYPE_CHECKING:
    from conftest import Classroom
    from postgres_server import PostgresServer

NOTEBOOK = b'{"cells": []}'
ARCHIVE = zipped({"lenses.ipynb": NOTEBOOK})
DIGEST = hashlib.sha256(NOTEBOOK).hexdigest()
_numbers = itertools.count(1)

pytestmark = pytest.mark.parametrize(
    "classroom",
    ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)],
    indirect=True,
    scope="session",
)


@pytest.fixture
def slug(classroom: Classroom) -> str:
    """A course of its own for each test: ada teaches it, ben and cleo take it, dan does not."""
    slug = f"optics-{next(_numbers)}"
    put(classroom.store, course(slug))
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
    return slug


@pytest.fixture
def ada(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.client("ada") as client:
        yield client


@pytest.fixture
def ben(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.client("ben") as client:
        yield client


@pytest.fixture
def cleo(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.client("cleo") as client:
        yield client


@pytest.fixture
def dan(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.client("dan") as client:
        yield client


def release(ada: httpx.Client, slug: str, name: str = "lenses") -> str:
    answer = ada.put(f"api/courses/{slug}/assignments/{name}/release", content=ARCHIVE)
    assert answer.status_code == 201
    return str(answer.json()["released"])


def submit(
    client: httpx.Client, slug: str, name: str = "lenses", notebook: bytes = NOTEBOOK
) -> dict[str, Any]:
    archive = zipped({"lenses.ipynb": notebook})
    answer = client.post(f"api/courses/{slug}/assignments/{name}/submissions", content=archive)
    assert answer.status_code == 201
    return dict(answer.json())


def assert_error(answer: httpx.Response, status: int, message: str) -> None:
    assert answer.json() == {"status": status, "message": message}
    assert answer.status_code == status


def assert_recent(text: str) -> None:
    moment = datetime.fromisoformat(text)
    assert text == moment.astimezone(UTC).isoformat(timespec="microseconds")
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 30


AS_USUAL = {"extended": False, "penalty_per_day": 0.0, "grace_minutes": 0}
NOT_ENROLLED = "You are not enrolled in {!r}. Ask the people who teach it to enrol you."
ONLY_STAFF = "Only the people who teach {!r} can do this."
NOT_RELEASED = "The assignment {!r} is not released. Ask the people who teach the course."
NO_ASSIGNMENT = "There is no assignment 'nope' in this course. Look at its list."


def test_health(classroom: Classroom) -> None:
    answer = httpx.get(f"{classroom.direct}api/health", timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_the_database_goes_away_and_comes_back(
    classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    if classroom.store.engine.dialect.name == "sqlite":
        pytest.skip("A file does not go away.")
    server: PostgresServer = request.getfixturevalue("postgres")
    release(ada, slug)
    address = f"api/courses/{slug}/assignments/lenses/submissions"
    sentence = "The classroom's database does not answer just now. Wait a moment and try again."
    server.stop("immediate")
    try:
        assert_error(ben.get("api/courses"), 503, sentence)
        assert_error(ben.post(address, content=ARCHIVE), 503, sentence)
        assert httpx.get(f"{classroom.direct}api/health", timeout=60).status_code == 503
    finally:
        server.start()
    assert [each["slug"] for each in ben.get("api/courses").json()] == [slug]
    assert ben.post(address, content=ARCHIVE).status_code == 201


def test_courses(classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    other = f"{slug}-b"
    put(classroom.store, course(other, title="Acoustics"))
    enrol(classroom.store, other, ben="instructor")
    mine = [each for each in ben.get("api/courses").json() if each["slug"] in (slug, other)]
    assert mine == [
        {"slug": other, "title": "Acoustics", "role": "instructor"},
        {"slug": slug, "title": "Optics", "role": "student"},
    ]
    assert other not in [each["slug"] for each in ada.get("api/courses").json()]


def test_courses_of_somebody_without_any(dan: httpx.Client) -> None:
    answer = dan.get("api/courses")
    assert (answer.status_code, answer.json()) == (200, [])


def test_assignments_of_staff_and_student(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    released = release(ada, slug)
    lenses = {
        "name": "lenses",
        "title": "Lenses",
        "due": "2100-01-01T00:00:00.000000+00:00",
        "extended": False,
        "late": "refuse",
        "penalty_per_day": 0.0,
        "grace_minutes": 0,
        "max_bytes": 100_000,
        "max_files": 2000,
        "kinds": [],
        "released": released,
        "fetched": None,
        "submissions": [],
    }
    limits = {"max_bytes": 20_000_000, "max_files": 2000, "kinds": []}
    rest = {"fetched": None, "submissions": [], "released": None} | limits | AS_USUAL
    past = {"due": "2020-01-01T00:00:00.000000+00:00"}
    assert ben.get(f"api/courses/{slug}/assignments").json() == [lenses]
    assert ada.get(f"api/courses/{slug}/assignments").json() == [
        lenses,
        {"name": "mirrors", "title": "Mirrors", "late": "refuse"} | past | rest,
        {"name": "prisms", "title": "Prisms", "late": "accept"} | past | rest,
        {"name": "lasers", "title": "Lasers", "late": "accept", "due": None} | rest,
    ]


def test_assignment_after_the_whole_way(
    slug: str, ada: httpx.Client, ben: httpx.Client, cleo: httpx.Client
) -> None:
    released = release(ada, slug)
    assert ben.get(f"api/courses/{slug}/assignments/lenses/release").content == ARCHIVE
    first, second = submit(ben, slug), submit(ben, slug, notebook=b"second")
    submit(cleo, slug)
    back = ada.put(
        f"api/courses/{slug}/submissions/{first['id']}/feedback?score=7.5&max_score=10",
        content=ARCHIVE,
    )
    (found,) = ben.get(f"api/courses/{slug}/assignments").json()
    fetched = found["fetched"]
    assert_recent(fetched)
    assert found == {
        "name": "lenses",
        "title": "Lenses",
        "due": "2100-01-01T00:00:00.000000+00:00",
        "extended": False,
        "late": "refuse",
        "penalty_per_day": 0.0,
        "grace_minutes": 0,
        "max_bytes": 100_000,
        "max_files": 2000,
        "kinds": [],
        "released": released,
        "fetched": fetched,
        "submissions": [
            {
                "id": first["id"],
                "timestamp": first["timestamp"],
                "on_time": True,
                "feedback": back.json()["feedback"],
                "score": 7.5,
                "max_score": 10.0,
                "tasks": [],
                "to_grade": False,
                "check": None,
            },
            {
                "id": second["id"],
                "timestamp": second["timestamp"],
                "on_time": True,
                "feedback": None,
                "score": None,
                "max_score": None,
                "tasks": [],
                "to_grade": True,
                "check": None,
            },
        ],
    }


def test_release_again_replaces(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    address = f"api/courses/{slug}/assignments/lenses/release"
    release(ada, slug)
    second = zipped({"lenses.ipynb": b"second"})
    answer = ada.put(address, content=second)
    assert answer.status_code == 201
    assert answer.json() == {"released": answer.json()["released"]}
    assert_recent(answer.json()["released"])
    fetched = ben.get(address)
    assert (fetched.status_code, fetched.content) == (200, second)
    assert fetched.headers["Content-Type"] == "application/zip"


def test_withdraw(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    address = f"api/courses/{slug}/assignments/lenses/release"
    release(ada, slug)
    gone = ada.delete(address)
    assert (gone.status_code, gone.content) == (204, b"")
    assert ben.get(f"api/courses/{slug}/assignments").json() == []
    assert_error(ben.get(address), 404, NOT_RELEASED.format("lenses"))
    assert_error(ada.delete(address), 404, NOT_RELEASED.format("lenses"))


def test_receipt(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug)
    receipt = submit(ben, slug)
    assert_recent(receipt["timestamp"])
    assert len(receipt["id"]) == 16
    assert receipt == {
        "id": receipt["id"],
        "course": slug,
        "assignment": "lenses",
        "user": "ben",
        "timestamp": receipt["timestamp"],
        "due": "2100-01-01T00:00:00.000000+00:00",
        "on_time": True,
        "files": [
            {
                "path": "lenses.ipynb",
                "bytes": len(NOTEBOOK),
                "sha256": DIGEST,
            }
        ],
        "content": hashlib.sha256(f"{DIGEST}  lenses.ipynb\n".encode()).hexdigest(),
        "key": receipt["key"],
        "signature": receipt["signature"],
    }
    address = f"api/courses/{slug}/submissions/{receipt['id']}"
    for client in (ada, ben):
        assert client.get(f"{address}/receipt").json() == receipt
        assert unzipped(client.get(address).content) == {"lenses.ipynb": NOTEBOOK}


def test_late_work_is_marked(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug, "prisms")
    receipt = submit(ben, slug, "prisms")
    assert (receipt["due"], receipt["on_time"]) == ("2020-01-01T00:00:00.000000+00:00", False)


def test_work_without_deadline(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug, "lasers")
    receipt = submit(ben, slug, "lasers")
    assert (receipt["due"], receipt["on_time"]) == (None, True)


def test_submissions_of_all(
    slug: str, ada: httpx.Client, ben: httpx.Client, cleo: httpx.Client
) -> None:
    release(ada, slug)
    sent = ((ben, b"1"), (cleo, b"1"), (ben, b"2"))
    receipts = [submit(client, slug, notebook=notebook) for client, notebook in sent]
    assert ada.get(f"api/courses/{slug}/assignments/lenses/submissions").json() == [
        {
            "id": receipt["id"],
            "user": receipt["user"],
            "timestamp": receipt["timestamp"],
            "on_time": True,
            "feedback": None,
            "score": None,
            "max_score": None,
            "tasks": [],
            "to_grade": receipt != receipts[0],
        }
        for receipt in receipts
    ]


def test_feedback(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug)
    address = f"api/courses/{slug}/submissions/{submit(ben, slug)['id']}/feedback"
    missing = "Feedback on this submission is not released yet. Come back later."
    assert_error(ben.get(address), 404, missing)
    for number, text in enumerate((b"first", b"second")):
        sent = zipped({"lenses.html": text})
        answer = ada.put(f"{address}?score={number}&max_score=2", content=sent)
        assert answer.status_code == 201
        assert answer.json() == {"feedback": answer.json()["feedback"]}
        assert ben.get(address).content == sent
        assert ada.get(address).content == sent


def test_directory(classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    with classroom.store.blobs.incoming(10**6) as incoming:
        incoming.write(ARCHIVE)
        blob = incoming.keep()
    with classroom.store.writing() as session:
        put_course(
            session,
            course(slug),
            content="x",
            directory=blob.sha256,
            actor="test",
            at=datetime.now(UTC),
        )
    answer = ada.get(f"api/courses/{slug}/directory")
    assert (answer.status_code, answer.content) == (200, ARCHIVE)
    assert_error(ben.get(f"api/courses/{slug}/directory"), 403, ONLY_STAFF.format(slug))


ENROLLED = [
    ("GET", "assignments"),
    ("GET", "assignments/lenses/release"),
    ("POST", "assignments/lenses/submissions"),
    ("GET", "submissions/{id}"),
    ("GET", "submissions/{id}/receipt"),
    ("GET", "submissions/{id}/feedback"),
    ("PUT", "submissions/{id}/choice"),
    ("DELETE", "submissions/{id}/choice"),
]
STAFF = [
    ("PUT", "assignments/lenses/release"),
    ("DELETE", "assignments/lenses/release"),
    ("GET", "assignments/lenses/submissions"),
    ("PUT", "submissions/{id}/feedback?score=1&max_score=1"),
    ("GET", "directory"),
]


@pytest.mark.parametrize(("method", "path"), ENROLLED + STAFF)
def test_somebody_who_is_not_enrolled(
    slug: str, ada: httpx.Client, ben: httpx.Client, dan: httpx.Client, method: str, path: str
) -> None:
    release(ada, slug)
    path = path.format(id=submit(ben, slug)["id"])
    answer = dan.request(method, f"api/courses/{slug}/{path}", content=_body(method))
    assert_error(answer, 403, NOT_ENROLLED.format(slug))


@pytest.mark.parametrize(("method", "path"), STAFF)
def test_a_student_does_what_is_the_staffs(
    slug: str, ada: httpx.Client, ben: httpx.Client, method: str, path: str
) -> None:
    release(ada, slug)
    path = path.format(id=submit(ben, slug)["id"])
    answer = ben.request(method, f"api/courses/{slug}/{path}", content=_body(method))
    assert_error(answer, 403, ONLY_STAFF.format(slug))


@pytest.mark.parametrize("what", ["", "/receipt", "/feedback"])
def test_anothers_work(
    slug: str, ada: httpx.Client, ben: httpx.Client, cleo: httpx.Client, what: str
) -> None:
    release(ada, slug)
    address = f"api/courses/{slug}/submissions/{submit(ben, slug)['id']}"
    ada.put(f"{address}/feedback?score=1&max_score=1", content=ARCHIVE).raise_for_status()
    message = "This submission is another person's. Look at the list of yours."
    assert_error(cleo.get(address + what), 403, message)


@pytest.mark.parametrize(("method", "path"), ENROLLED + STAFF)
def test_no_such_course(ada: httpx.Client, method: str, path: str) -> None:
    answer = ada.request(method, f"api/courses/nope/{path}", content=_body(method))
    assert_error(answer, 404, "There is no course 'nope'. Look at the list of your courses.")


@pytest.mark.parametrize(
    ("method", "path"), [each for each in ENROLLED + STAFF if "lenses" in each[1]]
)
def test_no_such_assignment(slug: str, ada: httpx.Client, method: str, path: str) -> None:
    path = path.replace("lenses", "nope")
    answer = ada.request(method, f"api/courses/{slug}/{path}", content=_body(method))
    assert_error(answer, 404, NO_ASSIGNMENT)


@pytest.mark.parametrize(("method", "path"), [e for e in ENROLLED + STAFF if "{id}" in e[1]])
def test_no_such_submission(slug: str, ada: httpx.Client, method: str, path: str) -> None:
    answer = ada.request(
        method, f"api/courses/{slug}/{path.format(id='0' * 16)}", content=_body(method)
    )
    message = f"There is no submission {'0' * 16!r} in this course. Look at the list of yours."
    assert_error(answer, 404, message)


def test_a_submission_of_another_course(classroom: Classroom, slug: str, ada: httpx.Client) -> None:
    other = f"{slug}-b"
    put(classroom.store, course(other))
    enrol(classroom.store, other, ada="instructor")
    release(ada, slug)
    submission = submit(ada, slug)["id"]
    message = f"There is no submission {submission!r} in this course. Look at the list of yours."
    assert_error(ada.get(f"api/courses/{other}/submissions/{submission}"), 404, message)


def test_not_released(slug: str, ben: httpx.Client) -> None:
    address = f"api/courses/{slug}/assignments/lasers"
    for answer in (
        ben.get(f"{address}/release"),
        ben.post(f"{address}/submissions", content=ARCHIVE),
    ):
        assert_error(answer, 404, NOT_RELEASED.format("lasers"))


def test_deadline_passed(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug, "mirrors")
    answer = ben.post(f"api/courses/{slug}/assignments/mirrors/submissions", content=ARCHIVE)
    assert_error(
        answer,
        409,
        "Mirrors was due on Wednesday 1 January 2020, 01:00, and does not take late work. "
        "Ask the people who teach the course for more time.",
    )
    assert ada.get(f"api/courses/{slug}/assignments/mirrors/submissions").json() == []


def test_deadline_passes_while_sending(
    classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client
) -> None:
    """What counts is when all of it has arrived."""
    release(ada, slug)
    shut = (Assignment("lenses", "Lenses", EARLIER, LateRule.REFUSE, 100_000),)

    def body() -> Iterator[bytes]:
        yield ARCHIVE[:10]
        put(classroom.store, course(slug, assignments=shut))
        yield ARCHIVE[10:]

    answer = ben.post(f"api/courses/{slug}/assignments/lenses/submissions", content=body())
    assert answer.status_code == 409
    assert ada.get(f"api/courses/{slug}/assignments/lenses/submissions").json() == []


TOO_LARGE = "The archive is larger than 100 kB. Take out what is not needed."


def test_too_large_by_its_header(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug)
    address = f"api/courses/{slug}/assignments/lenses/submissions"
    assert_error(ben.post(address, content=b"x" * 100_001), 413, TOO_LARGE)
    assert ada.get(address).json() == []


def test_too_large_while_streaming(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug)
    address = f"api/courses/{slug}/assignments/lenses/submissions"
    chunks = (b"x" * 50_000 for _ in range(5))
    assert_error(ben.post(address, content=chunks), 413, TOO_LARGE)
    assert ada.get(address).json() == []


@pytest.mark.parametrize("chunked", [True, False])
def test_a_hundred_gigabytes_are_not_read(
    classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client, chunked: bool
) -> None:
    """The answer comes, and the connection is cut, long before the end."""
    release(ada, slug)
    sent, answer = _pour(
        classroom, ben, f"api/courses/{slug}/assignments/lenses/submissions", chunked
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b'{"status": 413, "message": "%s"}' % TOO_LARGE.encode())
    # What the service read and threw away, and what the buffers between us hold.
    assert sent < 20_000_000
    assert_nothing_incoming(classroom)


def test_a_client_that_goes_away(
    classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client
) -> None:
    release(ada, slug)
    address = f"api/courses/{slug}/assignments/lenses/submissions"

    def body() -> Iterator[bytes]:
        yield ARCHIVE[:10]
        end = time.monotonic() + 60
        while not list((classroom.home / "blobs" / "incoming").iterdir()):
            assert time.monotonic() < end
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ben.post(address, content=body())
    assert_nothing_incoming(classroom)
    assert ada.get(address).json() == []


def assert_nothing_incoming(classroom: Classroom) -> None:
    """The service removes its file after it has answered: a moment later it is gone."""
    end = time.monotonic() + 60
    while left := list((classroom.home / "blobs" / "incoming").iterdir()):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def incoming_sizes(classroom: Classroom) -> list[int]:
    found = []
    for path in (classroom.home / "blobs" / "incoming").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(path.stat().st_size)
    return found


def _pour(classroom: Classroom, ben: httpx.Client, path: str, chunked: bool) -> tuple[int, bytes]:
    url = httpx.URL(classroom.direct)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {100 * 10**9}"
    block = b"x" * 1_000_000
    sent, answer = 0, b""
    with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
        head = (
            f"POST {url.path}{path} HTTP/1.1\r\nHost: {url.host}\r\n"
            f"Authorization: {ben.headers['Authorization']}\r\n{length}\r\n\r\n"
        )
        asked = time.monotonic()
        connection.sendall(head.encode())
        if not chunked:
            while piece := connection.recv(65536):
                answer += piece
            # A client that was still sending would lose the answer if the end came with it. Not
            # from when the answer is read: this process may be held up before it reads.
            assert time.monotonic() - asked > 0.9
            return sent, answer
        connection.setblocking(False)
        data = b""
        while sent < 200_000_000:
            readable, writable, _ = select.select([connection], [connection], [], 20)
            if readable:
                try:
                    piece = connection.recv(65536)
                except ConnectionResetError:
                    break
                if not piece:
                    break
                answer += piece
                continue
            if writable:
                assert all(size <= 100_000 for size in incoming_sizes(classroom))
                data = data or b"%x\r\n%s\r\n" % (len(block), block)
                try:
                    count = connection.send(data)
                except (BrokenPipeError, ConnectionResetError):
                    continue  # the answer may have come meanwhile
                data, sent = data[count:], sent + count
    return sent, answer


def _special(name: str, mode: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


BAD_ARCHIVES = {
    "parent": (
        zipped({"../../evil.ipynb": b""}),
        "The archive has a file named '../../evil.ipynb', which could leave its folder. Rename it.",
    ),
    "absolute": (
        zipped({"/etc/passwd": b""}),
        "The archive has a file named '/etc/passwd', which is not a relative path. Rename it.",
    ),
    "symlink": (
        _special("link.ipynb", stat.S_IFLNK),
        "The archive has a symbolic link, 'link.ipynb'. Put a copy of the file there.",
    ),
    "fifo": (
        _special("pipe", stat.S_IFIFO),
        "The archive has something that is not a regular file, 'pipe'.",
    ),
    "twice": (
        zipped({"A.ipynb": b"", "a.ipynb": b""}),
        "The archive has two files of one name, 'a.ipynb'. Rename one.",
    ),
    "no zip": (b"not a zip", "The archive is not a zip file. Send it again."),
    "cut": (ARCHIVE[:-30], "The archive is not a zip file. Send it again."),
    "damaged": (
        ARCHIVE.replace(b"PK\x01\x02", b"PK\x01\x03"),
        "The archive is damaged and cannot be read. Send it again.",
    ),
    "empty": (b"", "The archive is not a zip file. Send it again."),
    "no files": (zipped({}), "The archive has no files. Save your work and try again."),
}


@pytest.mark.parametrize("kind", BAD_ARCHIVES)
def test_malformed_archives(
    classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client, kind: str
) -> None:
    release(ada, slug)
    archive, message = BAD_ARCHIVES[kind]
    address = f"api/courses/{slug}/assignments/lenses/submissions"
    assert_error(ben.post(address, content=archive), 400, message)
    assert ada.get(address).json() == []
    for content in (archive, b"/etc/passwd"):
        assert not classroom.store.blobs.path(hashlib.sha256(content).hexdigest()).exists()


def test_a_zip_bomb(slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(ada, slug)
    bomb = zipped({"a.ipynb": b"0" * 5_000_000})
    assert len(bomb) < 100_000
    assert_error(
        ben.post(f"api/courses/{slug}/assignments/lenses/submissions", content=bomb),
        413,
        "The archive's files are larger than 100 kB together. Take out what is not needed.",
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("score=1", "Give both score and max_score, or neither."),
        ("score=x&max_score=2", "score is 'x'; it must be a number, 0 or more."),
        ("score=nan&max_score=2", "score is 'nan'; it must be a number, 0 or more."),
        ("score=1&max_score=inf", "max_score is 'inf'; it must be a number, 0 or more."),
        ("score=-1&max_score=2", "score is '-1'; it must be a number, 0 or more."),
    ],
)
def test_malformed_scores(
    slug: str, ada: httpx.Client, ben: httpx.Client, query: str, message: str
) -> None:
    release(ada, slug)
    address = f"api/courses/{slug}/submissions/{submit(ben, slug)['id']}/feedback"
    assert_error(ada.put(f"{address}?{query}", content=ARCHIVE), 400, message)


def test_without_token(classroom: Classroom, slug: str) -> None:
    message = "The request has no token. Send a JupyterHub token in the header Authorization."
    assert_error(httpx.get(f"{classroom.direct}api/courses", timeout=60), 403, message)
    address = f"{classroom.direct}api/courses/{slug}/assignments/lenses/submissions"
    assert_error(httpx.post(address, content=ARCHIVE, timeout=60), 403, message)


def test_with_a_token_that_nobody_gave(classroom: Classroom) -> None:
    made_up = {"Authorization": "token made-up"}
    answer = httpx.get(f"{classroom.direct}api/courses", headers=made_up, timeout=60)
    message = "The hub does not know this token. Restart your session to get a new one."
    assert_error(answer, 403, message)


def test_with_a_token_for_something_else(classroom: Classroom) -> None:
    token = classroom.token("ben", ["read:users!user"])
    narrow = {"Authorization": f"token {token}"}
    answer = httpx.get(f"{classroom.direct}api/courses", headers=narrow, timeout=60)
    assert_error(
        answer,
        403,
        "This token may not enter the classroom: it lacks access:services!service=classroom.",
    )


def test_with_a_services_token(classroom: Classroom) -> None:
    service = {"Authorization": f"token {classroom.hub.token}"}
    answer = httpx.get(f"{classroom.direct}api/courses", headers=service, timeout=60)
    message = "This token is a service's; the classroom serves people."
    assert_error(answer, 403, message)


def test_addresses_that_are_none(classroom: Classroom, ben: httpx.Client) -> None:
    message = "There is nothing at this address. Look at the list of your courses."
    assert_error(ben.get("api/nothing"), 404, message)
    assert_error(ben.delete("api/courses"), 405, "This address does not do that.")


def test_through_the_proxy(classroom: Classroom, slug: str, ada: httpx.Client) -> None:
    release(ada, slug)
    with classroom.client("ben", proxied=True) as ben:
        receipt = submit(ben, slug)
        address = f"api/courses/{slug}/submissions/{receipt['id']}"
        assert unzipped(ben.get(address).content) == {"lenses.ipynb": NOTEBOOK}
        mirrors = f"api/courses/{slug}/assignments/nope/submissions"
        assert_error(ben.post(mirrors, content=ARCHIVE), 404, NO_ASSIGNMENT)


def _body(method: str) -> bytes | None:
    return ARCHIVE if method in ("PUT", "POST") else None

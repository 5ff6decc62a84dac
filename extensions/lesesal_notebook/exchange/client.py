"""The classroom's HTTP API (docs/exchange-api.md), as calls with values.

Every method raises a `ClassroomError` with a sentence for the person who waits. Connections that
could not be made are tried again, and so are whole requests: each may be repeated, a submission
too, since the classroom answers the same files with the same receipt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError
from urllib3.util import Retry

from .. import language
from .errors import (
    ClassroomError,
    GarbledError,
    NotInASessionError,
    RefusedError,
    UnreachableError,
)
from .values import Assignment, Late, Receipt, Submission

# Seconds. nbgrader's pages call from the session's event loop, which stands still meanwhile.
CONNECT, READ = 5.0, 60.0
_RETRIES = Retry(
    total=3,
    connect=2,
    backoff_factor=0.2,
    status_forcelist=(502, 503, 504),
    allowed_methods=frozenset({"GET", "PUT", "DELETE", "POST"}),
    raise_on_status=False,
)
_DOWNLOADS = 3
_UNREACHABLE = (
    "The classroom can't be reached ({why}). Nothing was changed; your files are as they were."
    " Try again in a minute, and tell your instructor if it stays so."
)
_LOST = (
    "The classroom did not answer ({why}), and may or may not have received what was sent. Submit"
    " again in a minute: the same files are never taken twice."
)

T = TypeVar("T")


class TokenFile(AuthBase):
    """Reads the session's token at each request: it may be renewed, and is kept nowhere else.

    Being requests' `auth`, it also keeps requests from putting a ~/.netrc entry in its place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str:
        """The token as it is now. Raises `NotInASessionError`."""
        try:
            return self.path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            raise NotInASessionError(
                "This session's token is gone. Stop the session and start it again; your files"
                " stay."
            ) from None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"token {self.read()}"
        # Refusals are the classroom's sentences, for the person.
        request.headers["Accept-Language"] = language.latest()
        return request


class Classroom:
    """The classroom service at `url` (ends in `/`)."""

    def __init__(self, url: str, auth: AuthBase, *, connect: float = CONNECT, read: float = READ):
        self.url = urljoin(url.rstrip("/") + "/", "api/")
        self.timeout = (connect, read)
        self.http = requests.Session()
        self.http.auth = auth
        for scheme in ("http://", "https://"):
            self.http.mount(scheme, HTTPAdapter(max_retries=_RETRIES))

    @classmethod
    def of_session(cls, environ: Mapping[str, str] = os.environ) -> Classroom:
        """The classroom that this session's environment names."""
        try:
            url, folder = environ["LESESAL_CLASSROOM_URL"], environ["LESESAL_SESSION_DIR"]
        except KeyError:
            raise NotInASessionError(
                "No classroom is known here: this works in a session that the reading room started."
            ) from None
        return cls(url, TokenFile(Path(folder) / "token"))

    def courses(self) -> list[str]:
        """The slugs of the caller's courses."""
        return self._json("GET", ("courses",), lambda data: [str(one["slug"]) for one in data])

    def titles(self) -> dict[str, str]:
        """What the caller's courses are called, by their slugs."""
        return self._json(
            "GET",
            ("courses",),
            lambda data: {str(one["slug"]): str(one["title"]) for one in data},
        )

    def assignments(self, course: str) -> list[Assignment]:
        """What the caller may see, with the caller's own submissions."""
        return self._json(
            "GET",
            ("courses", course, "assignments"),
            lambda data: [Assignment.from_json(one) for one in data],
        )

    def submissions(self, course: str, assignment: str) -> list[Submission]:
        """Everybody's, oldest first; for staff."""
        return self._json(
            "GET",
            ("courses", course, "assignments", assignment, "submissions"),
            lambda data: [Submission.from_json(one) for one in data],
        )

    def fetch_release(self, course: str, assignment: str, to: Path) -> None:
        """The student version, as a zip."""
        self._download(("courses", course, "assignments", assignment, "release"), to)

    def put_release(self, course: str, assignment: str, archive: Path) -> None:
        """Release the student version, or replace it; for staff."""
        self._upload("PUT", ("courses", course, "assignments", assignment, "release"), archive)

    def delete_release(self, course: str, assignment: str) -> None:
        """Take the student version back; for staff."""
        path = ("courses", course, "assignments", assignment, "release")
        self._send("DELETE", path).close()

    def submit(self, course: str, assignment: str, archive: Path) -> Receipt:
        """Hand in; the same files once more give the same receipt."""
        path = ("courses", course, "assignments", assignment, "submissions")
        return _understood(self._upload("POST", path, archive), Receipt.from_json)

    def receipt(self, course: str, submission: str) -> Receipt:
        """The receipt once more."""
        path = ("courses", course, "submissions", submission, "receipt")
        return self._json("GET", path, Receipt.from_json)

    def lateness(self, course: str, assignment: str) -> list[Late]:
        """How late everybody's hand-ins are, oldest first; for staff."""
        path = ("courses", course, "assignments", assignment, "lateness")
        return self._json("GET", path, lambda data: [Late.from_json(one) for one in data])

    def fetch_submission(self, course: str, submission: str, to: Path) -> None:
        """The submitted files, as a zip."""
        self._download(("courses", course, "submissions", submission), to)

    def put_feedback(
        self, course: str, submission: str, archive: Path, *, score: float, max_score: float
    ) -> None:
        """Release feedback for one submission, or replace it; for staff."""
        path = ("courses", course, "submissions", submission, "feedback")
        self._upload("PUT", path, archive, {"score": str(score), "max_score": str(max_score)})

    def fetch_feedback(self, course: str, submission: str, to: Path) -> None:
        """The feedback's zip."""
        self._download(("courses", course, "submissions", submission, "feedback"), to)

    def fetch_directory(self, course: str, to: Path) -> None:
        """The zip of the course directory; for staff."""
        self._download(("courses", course, "directory"), to)

    def _json(self, method: str, path: tuple[str, ...], read: Callable[[Any], T]) -> T:
        return _understood(self._send(method, path), read)

    def _upload(
        self,
        method: str,
        path: tuple[str, ...],
        archive: Path,
        params: Mapping[str, str] | None = None,
    ) -> requests.Response:
        with archive.open("rb") as body:
            return self._send(
                method,
                path,
                data=body,
                params=params,
                headers={"Content-Type": "application/zip"},
            )

    def _download(self, path: tuple[str, ...], to: Path) -> None:
        # urllib3's retries end with the headers; a body that breaks off is fetched anew.
        for left in reversed(range(_DOWNLOADS)):
            with self._send("GET", path, stream=True) as answer, to.open("wb") as out:
                try:
                    for chunk in answer.iter_content(1 << 18):
                        out.write(chunk)
                except requests.RequestException as err:
                    if not left:
                        raise UnreachableError(_UNREACHABLE.format(why=_why(err))) from None
                else:
                    return

    def _send(self, method: str, path: tuple[str, ...], **options: Any) -> requests.Response:
        url = self.url + "/".join(quote(part, safe="") for part in path)
        try:
            # Not following redirects: a token is for this address, and an API doesn't move.
            answer = self.http.request(
                method, url, timeout=self.timeout, allow_redirects=False, **options
            )
        except requests.RequestException as err:
            if method == "POST" and not _never_connected(err):
                raise UnreachableError(_LOST.format(why=_why(err))) from None
            raise UnreachableError(_UNREACHABLE.format(why=_why(err))) from None
        if 200 <= answer.status_code < 300:
            return answer
        with answer:
            raise _refusal(answer, method)


def _never_connected(err: requests.RequestException) -> bool:
    cause = err.args[0] if err.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, ConnectTimeoutError)


def _why(err: Exception) -> str:
    if isinstance(err, requests.Timeout):
        return "it did not answer in time"
    if isinstance(err, requests.RequestException) and _never_connected(err):
        return "no connection"
    return "the connection broke"


def _refusal(answer: requests.Response, method: str) -> ClassroomError:
    status = answer.status_code
    try:
        message = answer.json()["message"]
    except (ValueError, LookupError, TypeError, requests.RequestException):
        message = None
    if isinstance(message, str) and message:
        return RefusedError(status, message)
    # From here on it was not the classroom that answered, but the hub or the proxy before it.
    if 300 <= status < 400 or status in (401, 403):
        return RefusedError(
            status,
            "The classroom doesn't know this session any more. Stop the session and start it"
            " again; your files stay.",
        )
    why = f"status {status}"
    if status >= 500 and method == "POST":
        return UnreachableError(_LOST.format(why=why))
    return UnreachableError(_UNREACHABLE.format(why=why))


def _understood(answer: requests.Response, read: Callable[[Any], T]) -> T:
    try:
        with answer:
            return read(answer.json())
    except (ValueError, LookupError, TypeError, AttributeError):
        raise GarbledError(
            "The classroom's answer can't be understood: it and this session seem to be of"
            " different versions. Start the session again, and tell your instructor if that"
            " doesn't help."
        ) from None

"""Every page of the classroom, and who looks at it, for the tests that look at all of them.

A new page goes here; `test_every_page_is_looked_at` misses it otherwise.
"""

from __future__ import annotations

from lit_classroom import OPERATOR, LitClassroom

_SUBMISSION = "courses/([^/]+)/submissions/([^/]+)"
_COURSE, _GRADED = "courses/{slug}", "courses/{slug}/submissions/{graded}"

# Route -> the addresses to look at, and by whom.
PAGES: dict[str, list[tuple[str, str]]] = {
    "": [("ben", ""), ("ada", ""), ("finn", "")],
    "courses/([^/]+)": [
        ("ben", _COURSE),
        ("cleo", _COURSE),
        ("ben", "courses/waiting"),
        ("ada", _COURSE),
        ("eva", _COURSE),
        ("finn", _COURSE),  # refused
    ],
    _SUBMISSION: [
        ("ben", _GRADED),
        ("ben", "courses/{slug}/submissions/{late}"),
        (OPERATOR, _GRADED),
    ],
    f"{_SUBMISSION}/feedback": [("ben", f"{_GRADED}/feedback")],
    "courses/([^/]+)/source": [("ada", f"{_COURSE}/source")],
    "courses/([^/]+)/audit": [("ada", f"{_COURSE}/audit"), (OPERATOR, f"{_COURSE}/audit")],
    "courses/([^/]+)/deadlines": [("ada", f"{_COURSE}/deadlines")],
    "courses/([^/]+)/people": [("ada", f"{_COURSE}/people")],
    "courses/([^/]+)/people/codes/([^/]+)": [("ada", f"{_COURSE}/people/codes/{{code}}")],
    "courses/([^/]+)/announcements": [
        ("ben", f"{_COURSE}/announcements"),
        ("ada", f"{_COURSE}/announcements"),
    ],
    "courses/([^/]+)/complaints": [("ada", f"{_COURSE}/complaints")],
    f"{_SUBMISSION}/complaint": [
        ("ben", f"{_GRADED}/complaint"),
        ("ada", f"{_GRADED}/complaint"),
        ("ben", "courses/{slug}/submissions/{late}/complaint"),
    ],
    "courses/([^/]+)/history/([^/]+)": [("ada", f"{_COURSE}/history/ben")],
    "courses/([^/]+)/assignments/([^/]+)": [
        ("eva", f"{_COURSE}/assignments/lenses"),
        ("ada", f"{_COURSE}/assignments/lasers"),
        ("ada", f"{_COURSE}/assignments/mirrors"),
    ],
    "courses/([^/]+)/assignments/([^/]+)/outcomes": [
        ("eva", f"{_COURSE}/assignments/lenses/outcomes"),
        ("ada", f"{_COURSE}/assignments/prisms/outcomes?show=look"),
        (OPERATOR, f"{_COURSE}/assignments/lasers/outcomes"),
    ],
    "courses/([^/]+)/assignments/([^/]+)/preview": [
        ("ada", f"{_COURSE}/assignments/prisms/preview"),
    ],
    "courses/([^/]+)/assignments/([^/]+)/publish": [
        ("eva", f"{_COURSE}/assignments/lenses/publish"),
        ("ada", f"{_COURSE}/assignments/lasers/publish"),
    ],
    "nowhere": [("ben", "nowhere")],
}
# What is not for reading: downloads, parts of pages, data for scripts, forms' targets.
NO_PAGES = {
    "oauth_callback",
    "sessions",
    "language/([a-z]+)",
    f"{_SUBMISSION}/feedback/(.+)",  # nbgrader's own page, in nbgrader's words
    rf"{_SUBMISSION}/receipt\.json",
    rf"{_SUBMISSION}/archive\.zip",
    "courses/([^/]+)/live",
    "courses/([^/]+)/formgrader(/.*|)",  # nbgrader's own pages, in nbgrader's words
    "courses/([^/]+)/assignments/([^/]+)/progress",
    r"take-home\.zip",
    r"me/data\.zip",
    r"courses/([^/]+)/grades\.csv",
    r"courses/([^/]+)/grades\.json",
    r"courses/([^/]+)/assignments/([^/]+)/plots/(hand-ins|scores|tasks)\.svg",
}


def pages(room: LitClassroom) -> list[tuple[str, str]]:
    """Who looks at what address."""
    return [(who, path.format(**room.names)) for each in PAGES.values() for who, path in each]

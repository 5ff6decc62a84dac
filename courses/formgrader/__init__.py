"""nbgrader's Formgrader for one course directory: manual grading, in the classroom.

``python -m courses.formgrader DIRECTORY SOCKET`` serves it on a Unix socket, to the classroom
alone, which has asked who may come in (`courses.classroom.formgraders`). It has nbgrader's pages
for manual grading and the handlers behind them; what nbgrader does by buttons that run code, or
that release something, is done in the classroom.

What the classroom tells with each request stands in these headers.
"""

from __future__ import annotations

# The course's address in the classroom; the Formgrader is below ``formgrader/`` there.
BASE = "X-Lesesal-Base"
# The address of its scripts and styles.
STATIC = "X-Lesesal-Static"
# The one of the page's policy, which scripts and styles carry.
NONCE = "X-Lesesal-Nonce"
# What the page's own requests send back, for the classroom to check.
XSRF = "X-Lesesal-Xsrf"

# And what an answer tells the classroom: whose work it is about (percent-encoded).
STUDENT = "X-Lesesal-Student"
ASSIGNMENT = "X-Lesesal-Assignment"
# What a change of marks changed, as JSON: `courses.formgrader.marks`.
CHANGED = "X-Lesesal-Changed"


def notes_mark(nonce: str) -> bytes:
    """Where in a submission's page the classroom puts what it has to say about it."""
    return f"<!-- notes {nonce} -->".encode()

"""What a person may do in the classroom, and its being done: a counter for each kind of thing."""

from __future__ import annotations

from courses.classroom.desks.base import Upload
from courses.classroom.desks.courses import Classroom, Courses, Standing
from courses.classroom.desks.feedback import FeedbackDesk
from courses.classroom.desks.handins import HandIns
from courses.classroom.desks.releases import Releases
from courses.store import Store

__all__ = ["Classroom", "Desks", "Standing", "Upload"]


class Desks:
    """All of them, over one store. See `courses.classroom.desks.base.Desk`."""

    def __init__(self, store: Store, staff_max_bytes: int) -> None:
        self.store = store
        self.staff_max_bytes = staff_max_bytes
        self.courses = Courses(store, staff_max_bytes)
        self.releases = Releases(store, staff_max_bytes)
        self.handins = HandIns(store, staff_max_bytes)
        self.feedback = FeedbackDesk(store, staff_max_bytes)

"""What a person may do in the classroom, and its being done: a counter for each kind of thing."""

from __future__ import annotations

from courses.classroom.desks.announcements import Announcements
from courses.classroom.desks.base import Upload
from courses.classroom.desks.belongings import Belongings
from courses.classroom.desks.complaints import Complaints
from courses.classroom.desks.courses import Courses, Standing
from courses.classroom.desks.deadlines import Deadlines
from courses.classroom.desks.feedback import FeedbackDesk
from courses.classroom.desks.formgrader import FormgraderDesk
from courses.classroom.desks.grading import GradingDesk
from courses.classroom.desks.handins import HandIns
from courses.classroom.desks.overview import OverviewDesk
from courses.classroom.desks.people import People
from courses.classroom.desks.record import Record
from courses.classroom.desks.releases import Releases
from courses.classroom.desks.source import CourseSource
from courses.store import Store

__all__ = ["Desks", "Standing", "Upload"]


class Desks:
    """All of them, over one store. See `courses.classroom.desks.base.Desk`."""

    def __init__(self, store: Store, staff_max_bytes: int) -> None:
        self.store = store
        self.staff_max_bytes = staff_max_bytes
        self.courses = Courses(store, staff_max_bytes)
        self.source = CourseSource(store, staff_max_bytes)
        self.releases = Releases(store, staff_max_bytes)
        self.handins = HandIns(store, staff_max_bytes)
        self.feedback = FeedbackDesk(store, staff_max_bytes)
        self.grading = GradingDesk(store, staff_max_bytes)
        self.formgrader = FormgraderDesk(store, staff_max_bytes)
        self.deadlines = Deadlines(store, staff_max_bytes)
        self.record = Record(store, staff_max_bytes)
        self.announcements = Announcements(store, staff_max_bytes)
        self.complaints = Complaints(store, staff_max_bytes)
        self.belongings = Belongings(store, staff_max_bytes)
        self.people = People(store, staff_max_bytes)
        self.overview = OverviewDesk(store, staff_max_bytes)

"""Whether the environments that courses name are there, for the check of a site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from courses.course import Course
from courses.environments.base import shut_to_others
from courses.environments.shelf import Shelf
from courses.errors import CourseError
from courses.store import default_url
from courses.store.courses import all_courses
from courses.store.database import connect, has_classroom, reading
from spawners.site import Finding, State

NAME = "environment"
BUILD = "Build it: lesesal env build COURSE, with the course's folder."


def findings(home: Path, root: Path) -> Iterator[Finding]:
    """One for each course of the classroom in this state folder that names an environment."""
    if not has_classroom(default_url(home)):
        return
    with reading(connect(default_url(home))) as session:
        courses = all_courses(session)
    for course in courses:
        if course.environment:
            yield finding(course, root)


def finding(course: Course, root: Path) -> Finding:
    """Whether a course's environment is there, is the one it names, and can be read."""
    where = f"course {course.slug}"
    shelf = Shelf(root, course.slug)
    version = shelf.current()
    if not version:
        text = f"the course names one, and {root} has none; its sessions are refused."
        return Finding(NAME, State.FAILED, text, BUILD, where=where)
    try:
        about, shut = shelf.manifest(version), shut_to_others(shelf[version])
    except (CourseError, OSError) as error:
        return Finding(NAME, State.FAILED, f"{version}: {error}", BUILD, where=where)
    if course.environment and about.requirements != course.environment.sha256:
        text = f"{version} was built from other requirements than the course has now."
        return Finding(NAME, State.WARNING, text, BUILD, where=where)
    if shut:
        text = f"other accounts cannot enter {shut}; sessions under other accounts won't start."
        advice = "Let everybody enter it, or build in another folder, with --environments."
        return Finding(NAME, State.WARNING, text, advice, where=where)
    text = f"{shelf[version]}, Python {about.python}, is what the course names."
    return Finding(NAME, State.OK, text, where=where)

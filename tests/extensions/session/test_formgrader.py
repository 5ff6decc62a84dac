"""The way from a session to where the course is graded."""

from __future__ import annotations

import pytest

from lesesal_notebook.session.formgrader import in_classroom

INSIDE = "http://10.0.0.1:8082/hub/services/classroom/"


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, ""),
        ({"LESESAL_CLASSROOM_URL": INSIDE}, ""),
        ({"LESESAL_COURSE": "optics"}, ""),
        (
            {"LESESAL_CLASSROOM_URL": INSIDE, "LESESAL_COURSE": "optics", "JUPYTERHUB_HOST": ""},
            "/hub/services/classroom/courses/optics/formgrader",
        ),
        (
            {
                "LESESAL_CLASSROOM_URL": INSIDE,
                "LESESAL_COURSE": "optics",
                "JUPYTERHUB_HOST": "https://hub.example.org",
            },
            "https://hub.example.org/hub/services/classroom/courses/optics/formgrader",
        ),
    ],
)
def test_the_classrooms_formgrader(environment: dict[str, str], address: str) -> None:
    assert in_classroom(environment) == address

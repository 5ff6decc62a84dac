"""What staff announces reaches an open JupyterLab."""

from __future__ import annotations

from pathlib import Path

from extensions.session.stand_in import TOKEN, StandInHub, running_session

SAID = {"id": 7, "title": "The lecture moves", "text": "To room 2.", "author": "instructor"}


def test_a_page_asks_and_the_classroom_is_asked_seldom(tmp_path: Path) -> None:
    hub = StandInHub()
    hub.announced = 200, [{**SAID, "written": "2026-11-21T12:00:00+00:00", "until": None}]
    with running_session(tmp_path, hub) as session, session.client() as client:
        assert client.get("lab").status_code == 200
        assert hub.announced_asked == 0
        for _ in range(3):
            answer = client.get("lesesal/announcements")
            assert (answer.status_code, answer.json()) == (200, {"announcements": [SAID]})
        assert hub.announced_asked == 1
        assert TOKEN in hub.tokens
        client.headers.pop("Authorization")
        assert client.get("lesesal/announcements", follow_redirects=False).status_code in {302, 403}


def test_a_classroom_that_does_not_answer_breaks_nothing(tmp_path: Path) -> None:
    hub = StandInHub()
    hub.announced = 503, {"status": 503, "message": "The classroom is busy."}
    with running_session(tmp_path, hub) as session, session.client() as client:
        assert client.get("lesesal/announcements").json() == {"announcements": []}
    assert "Traceback" not in session.log.read_text()

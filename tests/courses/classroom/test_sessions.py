"""The hub's model of a user becomes sessions."""

from courses.classroom.sessions import RunningSession, parse


def test_states() -> None:
    servers = {
        "": {"ready": True, "pending": None, "url": "/user/kari/"},
        "runs": {"ready": True, "pending": None, "url": "/user/kari/runs/"},
        "waits": {"ready": False, "pending": "spawn", "url": "/user/kari/waits/"},
        "ends": {"ready": True, "pending": "stop", "url": "/user/kari/ends/"},
        "over": {"ready": False, "pending": None, "stopped": True, "url": "/user/kari/over/"},
    }
    assert parse({"name": "kari", "servers": servers}) == {
        "runs": RunningSession("runs", "/user/kari/runs/", "ready"),
        "waits": RunningSession("waits", "/user/kari/waits/", "starting"),
        "ends": RunningSession("ends", "/user/kari/ends/", "stopping"),
    }


def test_a_user_without_servers() -> None:
    assert parse({}) == {}

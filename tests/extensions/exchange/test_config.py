"""etc/jupyter/nbgrader_config.py, which `nbgrader` and its server extensions both read."""

import pytest
from extensions.exchange.sessions import ROOT
from nbgrader.exchange import ExchangeFactory, abc, default
from traitlets.config.loader import PyFileConfigLoader

SESSION = {
    "HOME": "/home/kari",
    "LESESAL_CLASSROOM_URL": "http://127.0.0.1:8000/services/classroom/",
    "LESESAL_COURSE": "ai-foundations",
}


@pytest.fixture
def load(monkeypatch):
    def load(environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return PyFileConfigLoader(
            "nbgrader_config.py", str(ROOT / "extensions" / "etc" / "jupyter")
        ).load_config()

    return load


def test_outside_of_a_session_nbgrader_stays_as_it_is(load):
    assert load({"HOME": "/home/kari"}) == {}


def test_a_student(load):
    config = load({**SESSION, "LESESAL_ROLE": "student"})
    assert config.CourseDirectory == {"course_id": "ai-foundations"}
    factory = ExchangeFactory(config=config)
    for name in factory.trait_names(config=True):
        chosen = getattr(factory, name)
        assert chosen.__module__.startswith("lesesal_notebook.exchange.")
        assert chosen.__name__ == getattr(ExchangeFactory, name).default_value.__name__
        assert issubclass(chosen, getattr(abc, chosen.__name__))
        assert chosen is not getattr(default, chosen.__name__)


def test_an_instructor(load):
    config = load({**SESSION, "LESESAL_ROLE": "instructor"})
    assert config.CourseDirectory == {
        "course_id": "ai-foundations",
        "root": "/home/kari/courses/ai-foundations",
    }

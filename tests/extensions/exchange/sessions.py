"""Sessions as far as nbgrader sees them: a home, an environment, the session side's Python."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv" / "session" / "bin" / "python"
# Runs several nbgrader commands in one process: imports are most of what one command costs.
MANY = """
import json, sys
from nbgrader.apps import NbGraderApp
for argv in json.loads(sys.argv[1]):
    try:
        NbGraderApp.launch_instance(argv)
    except SystemExit as end:
        if end.code:
            raise
    NbGraderApp.clear_instance()
"""


def names(folder):
    """What is in a folder, also what is hidden."""
    return sorted(path.name for path in folder.iterdir())


@dataclass(frozen=True)
class Session:
    """One person's session in one course; `home` is also where its commands run."""

    user: str
    role: str
    course: str
    url: str
    home: Path
    folder: Path

    @classmethod
    def start(cls, base, user, role, course, url, token):
        home, folder = base / "homes" / user, base / "sessions" / f"{user}-{course}"
        home.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, mode=0o700)
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text(token)
        return cls(user, role, course, url, home, folder)

    @property
    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "LESESAL"))}
        return kept | {
            "HOME": str(self.home),
            "JUPYTERHUB_USER": self.user,
            "LESESAL_CLASSROOM_URL": self.url,
            "LESESAL_COURSE": self.course,
            "LESESAL_ROLE": self.role,
            "LESESAL_SESSION_DIR": str(self.folder),
            # What is under test is the checkout, also where `make setup` has not seen it yet.
            "PYTHONPATH": str(ROOT / "extensions"),
            "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
        }

    @property
    def course_directory(self):
        return self.home / "courses" / self.course

    def nbgrader(self, *commands, cwd=None, stock=False):
        """Run commands in one process, each a string; fail if one does; give the log.

        `stock`: as if there were no classroom.
        """
        environment = self.environment
        if stock:
            environment = {k: v for k, v in environment.items() if not k.startswith("LESESAL")}
        done = subprocess.run(
            [PYTHON, "-c", MANY, json.dumps([command.split() for command in commands])],
            env=environment,
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr


class Desk:
    """A session's exchange classes in this process; `here` is pytest's monkeypatch."""

    def __init__(self, session, here):
        self.session, self.here = session, here

    def make(self, kind, assignment="", *, course=None, student="*", **traits):
        """One of the eight classes, in this session's environment and home."""
        from nbgrader.coursedir import CourseDirectory

        from lesesal_notebook.exchange.prepare import course_directory

        for name in [name for name in os.environ if name.startswith("LESESAL")]:
            self.here.delenv(name)
        for name, value in self.session.environment.items():
            if name == "HOME" or name.startswith(("LESESAL", "JUPYTERHUB")):
                self.here.setenv(name, value)
        self.here.chdir(self.session.home)
        directory = CourseDirectory(
            course_id=self.session.course if course is None else course,
            assignment_id=assignment,
            student_id=student,
            root=str(course_directory() or self.session.home),
        )
        return kind(coursedir=directory, **traits)

    def run(self, kind, assignment="", **options):
        return self.make(kind, assignment, **options).start()

    def refused(self, kind, assignment="", **options):
        """The sentence of an exchange that fails."""
        import pytest
        from nbgrader.exchange import ExchangeError

        with pytest.raises(ExchangeError) as caught:
            self.run(kind, assignment, **options)
        assert caught.value.__cause__ is None
        assert "Traceback" not in str(caught.value)
        return str(caught.value)

"""nbgrader's Assignment List page, answering with sentences.

nbgrader 0.9.6 shows students a Python traceback when submitting fails, a text about a missing
exchange directory when listing fails, and nothing at all when fetching fails. This is its server
extension with another manager behind the same addresses; load it instead of
`nbgrader.server_extensions.assignment_list`. It works over any exchange.
"""

from __future__ import annotations

import os
from typing import Any

from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError, ExchangeFactory
from nbgrader.server_extensions.assignment_list import handlers
from nbgrader.utils import chdir
from traitlets.config import Config

Answer = dict[str, Any]


class AssignmentList(handlers.AssignmentList):
    """What nbgrader's handlers call; each answer is `{"success": bool, "value": …}`."""

    # The handlers ignore what fetching answers and go on to list; so the list tells it, once.
    failure: Answer | None = None

    def run(self, action: str, course: str | None, assignment: str = "", **traits: Any) -> Answer:
        """One action of the exchange factory, in the student's folder."""
        # nbgrader takes a relative `Exchange.assignment_dir` from wherever the server was started.
        with chdir(self.root_dir), self.get_assignment_dir_config() as config:
            if course:
                config.CourseDirectory.course_id = course
            config.CourseDirectory.assignment_id = assignment
            # Nothing may be raised here: nbgrader would not go back to the working directory.
            return self.attempt(action, config, traits)

    def attempt(self, action: str, config: Config, traits: dict[str, Any]) -> Answer:
        """The action's result, or a sentence."""
        try:
            worker = getattr(ExchangeFactory(config=config), action)(
                coursedir=CourseDirectory(config=config),
                authenticator=Authenticator(config=config),
                config=config,
                **traits,
            )
            return {"success": True, "value": worker.start()}
        except ExchangeError as err:
            sentence = str(err)
        except Exception:
            self.log.exception("nbgrader's %s failed", action)
            sentence = (
                "Something went wrong in your session; its log says what. Your files are as they"
                " were. Try again, and tell your instructor if it stays so."
            )
        return {"success": False, "value": sentence}

    def list_released_assignments(self, course_id: str | None = None) -> Answer:
        answer = self.run("List", course_id)
        if answer["success"]:
            for entry in answer["value"]:
                if entry["status"] == "fetched":
                    for one in (entry, *entry["notebooks"]):
                        one["path"] = os.path.relpath(one["path"], self.root_dir)
            answer["value"].sort(key=lambda entry: (entry["course_id"], entry["assignment_id"]))
        return answer

    def list_submitted_assignments(self, course_id: str | None = None) -> Answer:
        answer = self.run("List", course_id, cached=True)
        if answer["success"]:
            for entry in answer["value"]:
                for one in entry["submissions"]:
                    if one["local_feedback_path"]:
                        one["local_feedback_path"] = os.path.relpath(
                            one["local_feedback_path"], self.root_dir
                        )
                entry["submissions"].sort(key=lambda one: one["timestamp"])
            answer["value"].sort(key=lambda entry: entry["assignment_id"])
        return answer

    def list_assignments(self, course_id: str | None = None) -> Answer:
        failure, self.failure = self.failure, None
        return failure or super().list_assignments(course_id=course_id)

    def fetch_assignment(self, course_id: str, assignment_id: str) -> Answer:
        return self.remember(self.run("FetchAssignment", course_id, assignment_id))

    def fetch_feedback(self, course_id: str, assignment_id: str) -> Answer:
        return self.remember(self.run("FetchFeedback", course_id, assignment_id))

    def submit_assignment(self, course_id: str, assignment_id: str) -> Answer:
        return self.run("Submit", course_id, assignment_id)

    def remember(self, answer: Answer) -> Answer:
        """Keep a failure for the list that follows."""
        self.failure = None if answer["success"] else answer
        return answer


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "lesesal_notebook.exchange.pages"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Called by Jupyter Server."""
    handlers.load_jupyter_server_extension(server)
    manager = AssignmentList(parent=server)
    manager.root_dir = server.root_dir
    server.web_app.settings["assignment_list_manager"] = manager

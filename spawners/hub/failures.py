"""A launch error as the hub's pages and its API show it."""

from __future__ import annotations

from jupyterhub.spawner import SpawnException

from ..errors import LaunchError
from ..language import told
from .rendering import render


class Failure(SpawnException):
    """The error for the hub, which asks for its texts when it answers somebody.

    That may be long after it was raised, so they are in the language of who reads them. The pages
    read these attributes where they don't know SpawnException.
    """

    def __init__(self, error: LaunchError) -> None:
        super().__init__(error.sentence, reason=error.reason, status_code=error.status)
        self.error = error

    @property
    def jupyterhub_message(self) -> str:
        """The sentence."""
        return told(self.error.sentence)

    @property
    def jupyterhub_html_message(self) -> str:
        """The sentence, and the cluster's words under it."""
        sentence, detail = told(self.error.sentence), self.error.detail
        return render("failure.html", sentence=sentence, detail=detail)


def exception(error: LaunchError) -> SpawnException:
    """What the hub is to raise."""
    return Failure(error)

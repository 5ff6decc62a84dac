"""What can go wrong with a batch job; each message is for the person.

BatchError
├── NotebookError       no notebook, or parameters that it does not have
├── NoRoomError         the home has no room for the run
├── NotFoundError       no run of that name
├── NotInASessionError  nothing here knows the hub
├── HubSilent           the hub does not answer, or not in words that are known
└── HubRefused          the hub said no; the message is its own
"""

from __future__ import annotations


class BatchError(Exception):
    """The base; `str()` of it is one or more whole sentences."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a traceback's place."""
        return [str(self)]


class NotebookError(BatchError):
    """A notebook, its parameters or its grid can't be run as they are."""


class NoRoomError(BatchError):
    """The run's folder can't be written."""


class NotFoundError(BatchError):
    """There is no such run."""


class NotInASessionError(BatchError):
    """The environment names no hub, or the token's file is gone."""


class HubSilent(BatchError):
    """The hub did not answer."""


class HubRefused(BatchError):
    """The hub's own refusal."""

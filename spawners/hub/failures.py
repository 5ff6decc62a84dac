"""A launch error as the hub's pages and its API show it."""

from __future__ import annotations

from jupyterhub.spawner import SpawnException

from ..errors import LaunchError
from .rendering import render


def exception(error: LaunchError) -> SpawnException:
    """What the hub is to raise: the sentence, and the cluster's words under it."""
    html = render("failure.html", error=error)
    raised = SpawnException(
        error.sentence, reason=error.reason, message_html=html, status_code=error.status
    )
    # The pages read these attributes where they don't know SpawnException.
    raised.jupyterhub_message = error.sentence
    raised.jupyterhub_html_message = html
    return raised

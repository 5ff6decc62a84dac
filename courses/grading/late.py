"""What late work costs in the classroom, by what it noted when it collected."""

from __future__ import annotations

from pathlib import Path

from traitlets.config import Config

from lesesal_nbgrader.late import notes
from lesesal_nbgrader.penalties import NotedPenalties


def plug_in(config: Config, root: Path, assignment: str) -> None:
    """Use the noted penalties where there are any and the course says nothing else."""
    if notes(root, assignment).is_file() and "plugin_class" not in config.AssignLatePenalties:
        config.AssignLatePenalties.plugin_class = NotedPenalties

"""How the classroom grades: its settings, and the commands of the processes that do it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from traitlets import Integer, List, Unicode
from traitlets.config import Configurable

from courses.coursedir import child
from courses.store import Store
from courses.store.database import URL_VARIABLE


class Grading(Configurable):
    """How the classroom grades: what it gives to ``lesesal grade``."""

    runs = Integer(
        1,
        min=1,
        help="""How many runs of grading go on at the same time, each of another course. The others
        wait for their turn.

        Example: ``c.Grading.runs = 2``
        """,
    ).tag(config=True)

    workers = Integer(
        0,
        min=0,
        help="""How many notebooks of a run are executed at the same time; 0 for two on
        each core.

        Example: ``c.Grading.workers = 8``
        """,
    ).tag(config=True)

    cluster = Unicode(
        "",
        help="""The cluster, by its name in ``c.ClusterSpawner.clusters``, that executes notebooks;
        empty for this machine.

        Example: ``c.Grading.cluster = "slurm"``
        """,
    ).tag(config=True)

    python = Unicode(
        "",
        help="""The interpreter that executes notebooks, with lesesal_notebook and what the courses
        import; empty for the one that ``lesesal grade`` finds. A course with an environment of its
        own is graded in that.

        Example: ``c.Grading.python = "/srv/lesesal/session/bin/python"``
        """,
    ).tag(config=True)

    offer = Unicode(
        "",
        help="""On a cluster: the offer, by its name in ``c.ClusterSpawner.offers``, that says what
        a task gets.

        Example: ``c.Grading.offer = "cpu-small"``
        """,
    ).tag(config=True)

    shared = Unicode(
        "",
        help="""On a cluster: a folder that its nodes see too, for the files of a run.

        Example: ``c.Grading.shared = "/shared/lesesal/grading"``
        """,
    ).tag(config=True)

    accounts = List(
        Unicode(),
        help="""On a cluster whose nodes forbid user namespaces: Unix accounts that have nothing
        else to do, and execute one submission each at a time. The launcher must act for them, and
        they must be able to enter ``Grading.shared``. docs/sandbox.md says what that does not hold.

        Example: ``c.Grading.accounts = ["grader1", "grader2"]``
        """,
    ).tag(config=True)

    hub_config = Unicode(
        "",
        help="""On a cluster: the hub's configuration, which names it; empty for the checkout's.

        Example: ``c.Grading.hub_config = "/etc/lesesal/jupyterhub_config.py"``
        """,
    ).tag(config=True)

    environments = Unicode(
        "",
        help="""The folder of all courses' environments (``lesesal env``).

        Default: $LESESAL_ENVIRONMENTS, else ``environments`` in the classroom's state folder.

        Example: ``c.Grading.environments = "/srv/environments"``
        """,
    ).tag(config=True)

    def options(self) -> list[str]:
        """For the engine."""
        given = {
            "--workers": str(self.workers or ""),
            "--cluster": self.cluster,
            "--python": self.python,
            "--offer": self.offer,
            "--shared": self.shared,
            "--accounts": ",".join(self.accounts),
            "--config": self.hub_config,
        }
        return [part for name, value in given.items() if value for part in (name, value)]


def argv_of(
    store: Store, settings: Grading, kind: str, slug: str, name: str, options: Sequence[str]
) -> list[str]:
    """The command of a process that works for this one, and ends with it."""
    home = store.blobs.root.parent
    environments = settings.environments or os.environ.get("LESESAL_ENVIRONMENTS")
    return [
        *(sys.executable, "-m", "courses.coursedir.work", kind, slug, name),
        *("--home", str(home), "--parent", str(os.getpid())),
        *("--environments", str(environments or home / "environments")),
        *options,
        "--",
        *settings.options(),
    ]


def environment_of(store: Store, url: str) -> dict[str, str]:
    """What it may know: where the store is, and nothing else."""
    return {**child.environment(store.blobs.root.parent), URL_VARIABLE: url}

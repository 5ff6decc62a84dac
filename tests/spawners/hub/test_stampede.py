"""What a start costs the hub does not grow with the class: counted here, timed by bench-hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import crowd
import fake_slurm
import hub_gauge
import pytest
from hubs import Hub, running_hub

from spawners.hub.estimates import SHARED

CONFIG = """
from spawners.hub import PAGES, SQLITE
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.template_paths = [str(PAGES)]
c.JupyterHub.db_kwargs = SQLITE
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.command = [sys.executable, "-m", "spawners.proxy"]
c.ClusterSpawner.limits = {"person": {"sessions": 2}, "course": {"sessions": 100}}
"""
OFFERS = ("cpu", "slice", "gpu")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    config = fake_slurm.config(folder) + CONFIG
    with (
        fake_slurm.controller(folder, queue=0.05, crowd=0.0, boot=0.1),
        running_hub(folder, config) as running,
    ):
        yield running


async def starts(hub: Hub, first: int, students: int) -> tuple[Counter[str], float]:
    """Let so many press Start at once; what each of them cost, in hundredths, and the seconds."""
    gauge = hub.log.parent / "gauge.json"
    before = hub_gauge.read(gauge)["counts"] if first else {}
    seen = await crowd.run(
        {
            "url": hub.url,
            "course": "ai",
            "offers": OFFERS,
            "students": students,
            "first": first,
            "visitors": 0,
            "before": 0.0,
            "within": 0.3,
            "choice": (0.0, 0.1),
        }
    )
    assert (len(seen["ready_s"]), seen["failed"]) == (students, [])
    counts = Counter(hub_gauge.read(gauge)["counts"])
    counts.subtract(before)
    each = Counter({name: round(100 * count / students) for name, count in counts.items()})
    return each, seen["ended"] - seen["began"]


async def test_a_start_costs_as_much_in_a_class_as_alone(hub: Hub) -> None:
    # The first one also pays for what the hub does once.
    await starts(hub, 0, 1)
    alone, _ = await starts(hub, 1, 1)
    few, _ = await starts(hub, 2, 3)
    many, seconds = await starts(hub, 5, 20)
    assert alone["launcher:submit"] == few["launcher:submit"] == many["launcher:submit"] == 100
    # Everybody sees three offers; who looks within a second of another is told the same.
    assert many["launcher:estimate"] <= len(OFFERS) * (seconds / SHARED + 1) * 100 / 20
    assert many["program:squeue"] < alone["program:squeue"]
    # Measured, with the login: 18 and 42, however many there are.
    assert max(few["commits"], many["commits"]) <= 1850
    assert max(few["statements"], many["statements"]) <= 4400

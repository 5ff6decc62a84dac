"""What a start costs the hub does not grow with the class: counted here, timed by bench-hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import crowd
import fake_slurm
import hub_gauge
import pytest
from hubs import Hub, running_hub

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


async def starts(hub: Hub, first: int, students: int) -> Counter[str]:
    """Let so many press Start at once; what each of them cost, in hundredths."""
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
    return Counter({name: round(100 * count / students) for name, count in counts.items()})


async def test_a_start_costs_as_much_in_a_class_as_alone(hub: Hub) -> None:
    # The first one also pays for what the hub does once.
    await starts(hub, 0, 1)
    few = await starts(hub, 1, 3)
    many = await starts(hub, 4, 20)
    assert few["launcher:submit"] == many["launcher:submit"] == 100
    # Everybody sees three offers; who looks within a second of another is told the same.
    assert many["launcher:estimate"] <= 100
    assert many["program:squeue"] < few["program:squeue"]
    # Measured, with the login: 18 and 42, however many there are.
    assert max(few["commits"], many["commits"]) <= 1850
    assert max(few["statements"], many["statements"]) <= 4400

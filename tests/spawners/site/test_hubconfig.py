"""The hub's configuration as `lesesal check` reads it: JupyterHub's own way, and no hub started."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from spawners.offers import Account, Limits, Offer, Person
from spawners.site.hubconfig import ConfigError, Site, read_site

KARI = Person("kari", "optics", "student")
CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.JupyterHub.base_url = "/notebooks/"
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = "http://hub.example.org:8081"
c.JupyterHub.db_url = "sqlite:////var/lib/lesesal/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = "/var/lib/lesesal/secret"
c.JupyterHub.active_server_limit = 300
c.ConfigurableHTTPProxy.command = ["/usr/bin/proxy", "--quiet"]
c.ClusterSpawner.hub_id = "uio"
c.ClusterSpawner.clusters = {"olivia": {"type": "slurm"}}
c.ClusterSpawner.offers = {
    "cpu": {"title": "A core", "cluster": "olivia"},
    "gpu": {"title": "A GPU", "cluster": "olivia", "partition": "gpu", "gpus": {"h100": 1}},
}
# Set where batchspawner and JupyterHub have them, as their users do.
c.BatchSpawnerBase.req_partition = "small"
c.BatchSpawnerBase.req_account = "course"
c.Spawner.cmd = ["/opt/session/python", "-m", "lesesal_notebook.session"]
c.Spawner.environment = {
    "LESESAL_CLASSROOM_URL": "https://hub.example.org/services/classroom/",
    "SECRET": lambda spawner: spawner.user.secret,
}
"""
SITE = Site(
    hub_id="uio",
    clusters={"olivia": {"type": "slurm"}},
    offers={
        "cpu": Offer("cpu", "A core", "olivia", Limits(1, 2048), partition="small"),
        "gpu": Offer("gpu", "A GPU", "olivia", Limits(1, 2048, {"h100": 1}), partition="gpu"),
    },
    account=None,
    slurm_account="course",
    cmd=("/opt/session/python", "-m", "lesesal_notebook.session"),
    api_url="http://hub.example.org:8081/notebooks/hub/api",
    listens="0.0.0.0",
    classroom_url="https://hub.example.org/services/classroom/",
    proxy=("/usr/bin/proxy", "--quiet"),
    secret_file=Path("/var/lib/lesesal/secret"),
    database=Path("/var/lib/lesesal/jupyterhub.sqlite"),
    sessions=300,
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "jupyterhub_config.py"
    path.write_text(CONFIG)
    return path


def add(config: Path, text: str) -> Path:
    config.write_text(f"{config.read_text()}\n{text}\n")
    return config


def test_a_whole_configuration(config: Path) -> None:
    assert read_site(config, KARI) == SITE


def test_what_may_stand_elsewhere(config: Path) -> None:
    site = read_site(
        add(
            config,
            'c.JupyterHub.db_url = "postgresql://db.example.org/hub"\n'
            'c.Spawner.hub_connect_url = "http://10.0.0.1:8081"\n'
            "c.ConfigurableHTTPProxy.should_start = False\n"
            'c.ConfigurableHTTPProxy.auth_token = "x"\n'
            "c.JupyterHub.internal_ssl = True\n",
        ),
        KARI,
    )
    assert site == replace(
        SITE,
        api_url="http://10.0.0.1:8081/notebooks/hub/api",
        database=None,
        proxy=(),
        internal_ssl=True,
    )


def test_offers_and_accounts_that_depend_on_the_person(config: Path) -> None:
    text = (
        "async def account(user, cluster):\n"
        "    from spawners.offers import Account\n"
        '    return Account(f"{user}-{cluster}", "optics") if user == "kari" else None\n'
        "c.ClusterSpawner.account = account\n"
        "c.ClusterSpawner.offers = lambda person: {\n"
        '    "cpu": {"title": f"For {person.name} in {person.course}", "cluster": "olivia"}}\n'
    )
    site = read_site(add(config, text), KARI)
    assert [offer.title for offer in site.offers.values()] == ["For kari in optics"]
    assert asyncio.run(site.account_of("kari", "olivia")) == Account("kari-olivia", "optics")
    assert asyncio.run(site.account_of("ola", "olivia")) is None


def test_without_a_rule_an_account_has_the_users_name() -> None:
    assert asyncio.run(SITE.account_of("kari", "olivia")) == Account("kari")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("c.JupyterHub.port = 'x'", "has a setting that can't be: The 'port' trait"),
        ("import nowhere", "can't be read: ModuleNotFoundError: No module named 'nowhere'."),
        ("c.JupyterHub.spawner_class = 'simple'", "spawner_class is SimpleLocalProcessSpawner."),
        ("c.ClusterSpawner.hub_id = 'a b'", "hub_id is 'a b', which is no plain name."),
        ("c.ClusterSpawner.clusters = {}", "names the cluster 'olivia', which is not in"),
        ("c.ClusterSpawner.offers = lambda person: person.cat", "has no attribute 'cat'"),
    ],
)
def test_a_configuration_that_can_not_be(config: Path, text: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_site(add(config, text), KARI)
    assert part in caught.value.sentence
    assert caught.value.advice


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_site(tmp_path / "nowhere.py", KARI)
    assert caught.value.sentence == f"there is no {tmp_path / 'nowhere.py'}."

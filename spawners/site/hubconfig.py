"""The hub's configuration, read as JupyterHub reads it; no hub is started."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.app import JupyterHub
from jupyterhub.utils import url_path_join
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from traitlets.config.loader import Config, PyFileConfigLoader
from traitlets.utils.importstring import import_item

from ..hub import ClusterSpawner
from ..hub.settings import read_offers
from ..names import HUB_ID
from ..offers import Account, Offer, Person

RUN_LIKE_THE_HUB = (
    "Run the check as the hub's account, in the hub's folder and with the variables of its service."
)
CORRECT = f"Correct it. {RUN_LIKE_THE_HUB}"


class ConfigError(Exception):
    """The configuration can't be read: a sentence, and what to do."""

    def __init__(self, sentence: str, advice: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.advice = advice


@dataclass(frozen=True)
class Site:
    """What the operator configured, as far as a check needs it.

    Attributes:
        hub_id: the name by which the hub knows its jobs.
        clusters: ``c.ClusterSpawner.clusters``.
        offers: by name, with the spawner's default partition filled in.
        account: ``c.ClusterSpawner.account``: a callable, its import path, or None.
        slurm_account: whom offers charge that name no Slurm account, and whose people have none.
        cmd: what a session runs.
        api_url: the hub's API, as sessions are told.
        listens: the host that the hub listens at.
        classroom_url: the classroom, as sessions are told; empty when they are not.
        internal_ssl: whether the hub asks everybody for a certificate.
        proxy: the command that starts the proxy; empty when the hub starts none.
        secret_file: the cookies' secret.
        database: the database's file; None when it is on a server.
        sessions: how many at once the hub allows; 0 when it sets no limit.
    """

    hub_id: str
    clusters: Mapping[str, Mapping[str, Any]]
    offers: Mapping[str, Offer]
    account: Any
    slurm_account: str
    cmd: tuple[str, ...]
    api_url: str
    listens: str = "0.0.0.0"  # noqa: S104 - an address to compare with
    classroom_url: str = ""
    internal_ssl: bool = False
    proxy: tuple[str, ...] = ()
    secret_file: Path = Path("jupyterhub_cookie_secret")
    database: Path | None = None
    sessions: int = 0

    async def account_of(self, user: str, cluster: str) -> Account | None:
        """Who a user of the hub is on a cluster; None when there is no account yet."""
        if self.account is None:
            return Account(user)
        ask = import_item(self.account) if isinstance(self.account, str) else self.account
        answer = ask(user, cluster)
        found: Account | None = await answer if inspect.isawaitable(answer) else answer
        return found


def read_site(path: Path, person: Person) -> Site:
    """The site of a configuration file, with the offers of this person. Raises `ConfigError`."""
    config = _load(path)
    try:
        app = JupyterHub(config=config)
        # What a session is told of the hub follows from six settings; this works it out.
        app.init_hub()
        spawner_class = app.spawner_class
        if issubclass(spawner_class, ClusterSpawner):
            return _site(app, person)
    except Exception as error:  # a trait's validation may raise anything
        raise ConfigError(f"{path} has a setting that can't be: {error}", CORRECT) from error
    raise ConfigError(
        f"c.JupyterHub.spawner_class is {spawner_class.__name__}.",
        "Set it to spawners.hub.ClusterSpawner.",
    )


def _load(path: Path) -> Config:
    if not path.is_file():
        raise ConfigError(f"there is no {path}.", "Name the hub's configuration with --config.")
    try:
        return PyFileConfigLoader(path.name, path=str(path.resolve().parent)).load_config()
    except Exception as error:  # it is a program, and may raise anything
        raise ConfigError(
            f"{path} can't be read: {type(error).__name__}: {error}.",
            CORRECT,
        ) from error


def _site(app: JupyterHub, person: Person) -> Site:
    spawner = app.spawner_class(config=app.config, hub=app.hub)
    environment = {
        name: value for name, value in spawner.environment.items() if isinstance(value, str)
    }
    api_url = app.hub.api_url
    if spawner.hub_connect_url:
        api_url = url_path_join(spawner.hub_connect_url, urlsplit(api_url).path)
    if not HUB_ID.fullmatch(spawner.hub_id):
        raise ValueError(f"c.ClusterSpawner.hub_id is {spawner.hub_id!r}, which is no plain name.")
    proxy = app.proxy_class(config=app.config)
    offers = import_item(spawner.offers) if isinstance(spawner.offers, str) else spawner.offers
    if callable(offers):
        offers = offers(person)
    return Site(
        hub_id=spawner.hub_id,
        clusters=spawner.clusters,
        offers={
            name: replace(offer, partition=offer.partition or spawner.req_partition)
            for name, offer in read_offers(offers, spawner.clusters).items()
        },
        account=spawner.account,
        slurm_account=spawner.req_account,
        cmd=(*spawner.cmd, *spawner.args),
        api_url=environment.get("JUPYTERHUB_API_URL", api_url),
        listens=app.hub.ip,
        classroom_url=environment.get("LESESAL_CLASSROOM_URL", ""),
        internal_ssl=app.internal_ssl,
        proxy=tuple(getattr(proxy, "command", ())) if proxy.should_start else (),
        secret_file=Path(app.cookie_secret_file),
        database=_file_of(app.db_url),
        sessions=app.active_server_limit,
    )


def _file_of(db_url: str) -> Path | None:
    try:
        url = make_url(db_url)
    except ArgumentError:
        return None
    on_disk = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if on_disk else None

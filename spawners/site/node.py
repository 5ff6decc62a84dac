"""What a probe's facts say of a node. Pure functions.

`lesesal_notebook.session.probe` prints them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .findings import Finding, failed, ok, warning

Fact = Mapping[str, Any]

# Seconds that clocks may differ. Receipts and deadlines are by the classroom's clock; a countdown
# in a session is by the node's.
CLOCK_WARN, CLOCK_FAIL = 2.0, 30.0
# MiB. JupyterLab writes settings and checkpoints; a course brings data.
SPACE_WARN, SPACE_FAIL = 1024, 100
# From a local disk a session's imports take a second or two. A session has start_timeout for them.
IMPORT_SECONDS = 15.0
# Names of a certificate problem in OpenSSL's words: somebody is there, and asks for a certificate.
_CERTIFICATE = ("certificate", "ssl", "tls")


def parse_facts(log: str) -> list[Fact]:
    """The facts in a probe's log; lines that are none, such as a prologue's, are passed over."""
    facts: list[Fact] = []
    for line in log.splitlines():
        try:
            fact = json.loads(line)
        except ValueError:
            continue
        if isinstance(fact, dict) and isinstance(fact.get("fact"), str):
            facts.append(fact)
    return facts


def first(facts: Sequence[Fact], name: str) -> Fact | None:
    """The first fact of this name; None when it is not told yet."""
    return next((fact for fact in facts if fact["fact"] == name), None)


def findings(
    facts: Sequence[Fact], versions: Mapping[str, str], *, internal_ssl: bool = False
) -> Iterator[Finding]:
    """What the facts mean; `versions` are the hub's own, ``{"lesesal": …, "jupyterhub": …}``."""
    for fact in facts:
        match fact:
            case {"fact": "settings", "error": error}:
                yield failed(
                    "session's files",
                    f"the node does not see what the launcher wrote: {error}",
                    "Homes must be the same on the hub's machine and on the nodes.",
                )
            case {"fact": "reach"}:
                yield reach(fact, internal_ssl=internal_ssl)
            case {"fact": "folder"}:
                yield folder(fact)
            case {"fact": "versions"}:
                yield session_side(fact, versions)
            case {"fact": "imports"}:
                yield imports(fact)


def clock(offset: float) -> Finding:
    """Whether a node's clock agrees with the hub's; `offset` is by how many seconds it is ahead."""
    if abs(offset) < CLOCK_WARN:
        return ok("clock", f"the node's clock agrees with the hub's, to {abs(offset):.1f} s.")
    tell = failed if abs(offset) > CLOCK_FAIL else warning
    return tell(
        "clock",
        f"the node's clock is {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} the "
        "hub's; munge refuses jobs, and times in pages are wrong.",
        "See that both run chrony or another NTP service: chronyc tracking.",
    )


def reach(fact: Fact, *, internal_ssl: bool = False) -> Finding:
    """Whether the node reached the hub or the classroom."""
    whom, url, error = fact["of"], fact["url"], fact["error"]
    name = f"node to {whom}"
    setting = (
        "c.JupyterHub.hub_connect_url"
        if whom == "hub"
        else 'c.ClusterSpawner.environment["LESESAL_CLASSROOM_URL"]'
    )
    if not fact["addresses"]:
        return failed(
            name,
            f"the node can't resolve the name in {url} ({error}).",
            f"Put the name into the nodes' DNS or hosts file, or another into {setting}.",
        )
    where = f"{url} ({', '.join(fact['addresses'])})"
    if fact["status"] is None:
        if internal_ssl and any(word in error.lower() for word in _CERTIFICATE):
            return ok(name, f"it reaches {where}, which asks for a certificate, as it should.")
        return failed(
            name,
            f"the node can't reach {where}.",
            f"See that the {whom} runs, that it listens to more than its own machine, that no "
            f"firewall is between, and that {setting} is right.",
            error,
        )
    if fact["status"] != 200:
        return failed(
            name,
            f"{where} answers the node with HTTP status {fact['status']}.",
            f"See that the {whom} runs, and that {setting} leads to it and to nothing else.",
        )
    return ok(name, f"it reaches {where}.")


def folder(fact: Fact) -> Finding:
    """Whether the home, or the folder for temporary files, can be used on the node."""
    name = {"home": "home", "tmp": "temporary files"}[fact["of"]]
    path, free = fact["path"], fact["free_mb"]
    if fact["error"]:
        return failed(
            name,
            f"{path} can't be written on the node: {fact['error']}.",
            "See to its rights, its quota, and whether it is mounted there.",
        )
    sentence = f"{path} can be written and has {free / 1024:.1f} GiB free."
    if free >= SPACE_WARN:
        return ok(name, sentence)
    tell = failed if free < SPACE_FAIL else warning
    return tell(name, sentence, "Make room, or raise the quota: notebooks are saved there.")


def session_side(fact: Fact, versions: Mapping[str, str]) -> Finding:
    """Whether both sides of Lesesal are of one version."""
    name = "versions"
    sentence = (
        f"lesesal-notebook {fact['lesesal']} with JupyterHub {fact['jupyterhub']} on the node, "
        f"lesesal {versions['lesesal']} with JupyterHub {versions['jupyterhub']} on the hub"
    )
    if fact["lesesal"] != versions["lesesal"]:
        return warning(name, f"{sentence}.", "Install both sides from one release.")
    # JupyterHub itself warns from a minor version's difference on.
    if fact["jupyterhub"].split(".")[:2] != versions["jupyterhub"].split(".")[:2]:
        return warning(name, f"{sentence}.", "Install both sides' JupyterHub in one version.")
    return ok(name, f"{sentence}.")


def imports(fact: Fact) -> Finding:
    """Whether the session side can be imported on the node, and how quickly."""
    name = "environment"
    if fact["error"]:
        return failed(
            name,
            f"the session side can't be imported on the node: {fact['error']}.",
            "Install it again from requirements/session.txt, with the nodes' own Python.",
        )
    seconds, missing = fact["seconds"], fact["modules"] - fact["compiled"]
    sentence = f"a session's imports take {seconds:.1f} s"
    # A package or two may come uncompiled; all of them are forgotten.
    if missing > fact["modules"] // 10:
        return warning(
            name,
            f"{sentence}, and {missing} of {fact['modules']} modules have no bytecode.",
            "Run python -m compileall on the session side's folder, as its owner.",
        )
    if seconds > IMPORT_SECONDS:
        return warning(
            name,
            f"{sentence}.",
            "Put the session side on a quicker file system; sessions start as slowly as this.",
        )
    return ok(name, f"{sentence}.")

"""What of a granted plan reaches a cluster: the job of a session, and of a batch run."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from ..jobs import JobSpec
from ..offers import Offer
from .state import RunState
from .wish import Plan

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# In the environment of stock sessions; ours get the token as a file.
SECRET = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")
# How variables begin that only sessions have: nothing of the hub is for a batch run.
OF_THE_HUB = ("JUPYTERHUB_", "JPY_")


def of_session(spawner: ClusterSpawner, plan: Plan, attempt: int = 1) -> JobSpec:
    """The job of a session."""
    local = spawner.clusters[plan.offer.cluster].get("type") == "local"
    environment = {
        name: value for name, value in spawner.get_env().items() if name not in SECRET
    } | {
        **_of_course(plan),
        "LESESAL_ATTEMPT": str(attempt),
        "LESESAL_BIND": "127.0.0.1" if local else "0.0.0.0",  # noqa: S104
    }
    return JobSpec(
        key=spawner.key(),
        username=plan.account.unix,
        offer=_charged(spawner, plan),
        hours=plan.hours,
        argv=(*_interpreter(spawner, plan), *spawner.cmd[1:], *spawner.get_args()),
        environment=environment,
        token=spawner.api_token or "",
        attempt=attempt,
    )


def of_run(spawner: ClusterSpawner, plan: Plan, run: RunState) -> JobSpec:
    """The job of a batch run. It knows nothing of the hub."""
    environment = {
        name: value for name, value in spawner.get_env().items() if not name.startswith(OF_THE_HUB)
    } | {**_of_course(plan), "LESESAL_BATCH_RUN": run.id}
    return JobSpec(
        key=spawner.key(run.id),
        username=plan.account.unix,
        offer=_charged(spawner, plan),
        hours=plan.hours,
        argv=(*_interpreter(spawner, plan), *spawner.batch_command),
        environment=environment,
        token="",
        attempt=run.attempt,
        tasks=run.count,
        at_once=run.at_once,
    )


def _interpreter(spawner: ClusterSpawner, plan: Plan) -> tuple[str, ...]:
    """What runs Python: the course's, or else the first word of ``cmd``."""
    return tuple(plan.terms.interpreter or spawner.cmd[:1])


def _of_course(plan: Plan) -> dict[str, str]:
    """What sessions and batch runs are told of their course and their offer."""
    return {
        "LESESAL_COURSE": plan.terms.course,
        "LESESAL_ROLE": plan.terms.role,
        "LESESAL_OFFER": plan.offer.title,
        "LESESAL_DATASET_SOURCES": json.dumps([asdict(each) for each in plan.terms.datasets]),
        "LESESAL_PRELOAD": ",".join(plan.terms.preload),
        "LESESAL_GPU_KINDS": ",".join(
            kind for kind, count in plan.offer.limits.gpus.items() for _ in range(count)
        ),
    }


def _charged(spawner: ClusterSpawner, plan: Plan) -> Offer:
    """The offer, with the partition and the account that it does not name itself."""
    offer = plan.offer
    return replace(
        offer,
        partition=offer.partition or spawner.req_partition,
        account=offer.account or plan.account.slurm or spawner.req_account,
    )

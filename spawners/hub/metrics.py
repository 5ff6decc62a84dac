"""Prometheus metrics, beside the hub's own at ``/hub/metrics``."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..errors import LaunchError
from ..launch import Bid
from . import held, runs

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# From a second to a working day: a queue may be empty or long.
WAITS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800, float("inf"))
BOOTS = (0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, float("inf"))

QUEUE_WAIT = Histogram(
    "lesesal_queue_wait_seconds",
    "Time from a session's submission to its job's start",
    ["offer", "course"],
    buckets=WAITS,
)
BOOT = Histogram(
    "lesesal_boot_seconds",
    "Time from a job's start to its session's first answer",
    ["offer", "course"],
    buckets=BOOTS,
)
REFUSED = Counter("lesesal_launches_refused_total", "Sessions that did not come up", ["reason"])
ORPHANS = Counter(
    "lesesal_orphans_ended_total", "Jobs ended because no session owned them", ["cluster"]
)


def refused(error: LaunchError) -> None:
    """Count a launch that failed, by its reason."""
    REFUSED.labels(reason=error.reason).inc()


def arrived(bid: Bid, course: str) -> None:
    """Observe how long a session waited and booted."""
    job, offer = bid.job, bid.spec.offer.name
    starts = job.starts if job and job.starts else None
    if starts is not None:
        QUEUE_WAIT.labels(offer=offer, course=course).observe(max(0.0, starts - bid.since))
        BOOT.labels(offer=offer, course=course).observe(max(0.0, time.time() - starts))


class Now(Collector):
    """What the hub has at the moment it is asked."""

    def collect(self) -> Iterator[Metric]:
        """Prometheus' protocol."""
        sessions = GaugeMetricFamily(
            "lesesal_sessions", "Sessions now", labels=["state", "offer", "course"]
        )
        for labels, count in Tally(map(_labels, held.sessions())).items():
            sessions.add_metric(labels, count)
        yield sessions
        batch = GaugeMetricFamily(
            "lesesal_batch_jobs", "Batch runs now", labels=["state", "offer", "course"]
        )
        for labels, count in Tally(_runs()).items():
            batch.add_metric(labels, count)
        yield batch
        age = GaugeMetricFamily(
            "lesesal_watcher_age_seconds", "Age of what is known of a cluster", labels=["cluster"]
        )
        failures = CounterMetricFamily(
            "lesesal_watcher_failures", "Looks at a cluster that failed", labels=["cluster"]
        )
        for watched in held.clusters.all():
            if watched.jobs.latest is not None:
                age.add_metric([watched.name], watched.jobs.latest.age)
            failures.add_metric([watched.name], watched.jobs.failures)
        yield age
        yield failures


def _labels(spawner: ClusterSpawner) -> tuple[str, str, str]:
    state = spawner.launch.leading.phase.value if spawner.launch else "running"
    return state, spawner.session.bids[0].offer, spawner.name


def _runs() -> Iterator[tuple[str, str, str]]:
    for spawner in held.with_runs():
        for run in runs.living(spawner):
            yield runs.state(spawner, run).value, run.offer, spawner.name


REGISTRY.register(Now())

"""What `make bench-start` makes of its figures. The benchmark itself is not run here."""

from __future__ import annotations

import pytest
from bench import start_figures as figures

OURS = {
    "single": {"click_s": 1.2, "cpu_s": 0.4, "memory_mb": 70.0},
    "files": {"calls": 5000},
    "many": {
        "20": {"median_s": 5.0, "ready": 20, "failed": 0, "restarted": 0},
        "40": {"median_s": 9.0, "ready": 40, "failed": 0, "restarted": 0},
        "100": {"median_s": 20.0, "ready": 99, "failed": 1, "restarted": 2},
    },
}
STOCK = {
    "single": {"click_s": 6.0, "cpu_s": 4.0, "memory_mb": 140.0},
    "files": {"calls": 20000},
    "many": {
        "20": {"median_s": 40.0, "ready": 20, "failed": 0, "restarted": 0},
        "40": {"median_s": None, "ready": 0, "failed": 40, "restarted": 0},
    },
}


def test_flat_keys_are_ours_over_stock() -> None:
    assert figures.summarise(OURS, STOCK) == {
        "cpu_ratio": 0.1,
        "click_ratio": 0.2,
        "median20_ratio": 0.125,
        "memory_ratio": 0.5,
        "files_ratio": 0.25,
        "ready40": 40,
        "ready100": 99,
        "failed40": 0,
        "failed100": 1,
        "restarted40": 0,
        "restarted100": 2,
        "click_s": 1.2,
        "cpu_s": 0.4,
        "memory_mb": 70.0,
        "files": 5000,
    }


def test_what_was_not_measured_is_null() -> None:
    assert set(figures.summarise({}, {}).values()) == {None}
    flat = figures.summarise(OURS, {})
    assert (flat["cpu_ratio"], flat["cpu_s"]) == (None, 0.4)
    nobody = {"many": {"20": {"median_s": None}}}
    assert figures.summarise(OURS, nobody)["median20_ratio"] is None


@pytest.mark.parametrize(
    ("key", "value", "reached"),
    [
        ("cpu_ratio", 0.13, True),
        ("cpu_ratio", 0.131, False),
        ("click_s", 1.49, True),
        ("ready100", 99, False),
        ("ready100", 100, True),
    ],
)
def test_targets(key: str, value: float, reached: bool) -> None:
    assert figures.met(key, value) is reached


def test_medians_are_over_the_rounds_that_have_the_figure() -> None:
    rounds = [{"click_s": 1.0, "memory_mb": 70.0}, {"click_s": 5.0}, {"click_s": 2.0}]
    assert figures.medians(rounds) == {"click_s": 2.0, "memory_mb": 70.0}


def test_failures_at_different_addresses_have_one_cause() -> None:
    silent = "Server at http://gpu{}:4000{}/user/start-{}/course/api didn't respond in 30 seconds"
    assert figures.causes([silent.format(1, 2, 3), "", silent.format(4, 5, 6), "Refused."]) == {
        "Server at … didn't respond in 30 seconds": 2,
        "Refused.": 1,
    }


def test_a_call_that_was_interrupted_counts_once() -> None:
    trace = """\
101   openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
101   newfstatat(3, "", {st_mode=S_IFREG|0644}, AT_EMPTY_PATH) = 0
102   openat(AT_FDCWD, "/usr", O_RDONLY <unfinished ...>
101   +++ exited with 0 +++
102   <... openat resumed>)             = -1 ENOENT (No such file or directory)
102   --- SIGCHLD {si_signo=SIGCHLD} ---
"""
    assert figures.count_calls(trace) == {
        "calls": 3,
        "by_call": {"openat": 2, "newfstatat": 1},
    }

"""What `make bench-kernel` makes of its figures; a short form of it is run."""

from __future__ import annotations

import pytest
from bench import kernel


def test_flat_keys_are_medians() -> None:
    found = {
        "ours": {"ready_s": [0.1, 0.3, 0.2], "pss_mb": [100.0]},
        "stock": {"ready_s": [3.0, 1.0, 2.0], "pss_mb": [400.0]},
    }
    assert kernel.summarise(found) == {
        "ready_s": 0.2,
        "pss_mb": 100,
        "stock_ready_s": 2,
        "stock_pss_mb": 400,
    }


def test_a_side_that_does_not_come_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kernel.CELLS, "no_such_module", "1")
    with (
        pytest.raises(RuntimeError, match="ended with status 1"),
        kernel.side("ours", kernel.SESSION, "no_such_module"),
    ):
        pass


def test_a_short_form_of_it() -> None:
    found = kernel.measure(kernel.SESSION, "numpy", 3)
    for side in found.values():
        counts = {name: len(values) for name, values in side.items()}
        assert counts == {"ready_s": 3, "restarted_s": 3, "cpu_s": 3, "pss_mb": 1}
    flat = kernel.summarise(found)
    # How soon, only an idle machine tells; CPU and memory are told by a busy one too.
    assert flat["cpu_s"] < flat["stock_cpu_s"] / 2
    assert flat["pss_mb"] < flat["stock_pss_mb"]
    # The best of each: what a busy machine holds up is the slower one, whichever it is.
    assert 0 < min(found["ours"]["ready_s"]) < min(found["stock"]["ready_s"])

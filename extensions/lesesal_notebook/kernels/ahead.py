"""What a fork server imports before it forks, so that no kernel has to."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterable
from pathlib import Path

GPUS = "/dev/nvidia"
"""How the names of the driver's devices begin."""

SETTINGS = {
    # ipykernel.debugger imports pydevd, which would tell of itself on standard error.
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    # What stock sets in a kernel, matplotlib reads once, when it is imported.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
"""Variables, where the environment says nothing else."""

ONE_THREAD = {
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""The same, where kernels are to compute with one thread each."""

LATER = {
    "matplotlib": "matplotlib.pyplot",
    "numpy": "numpy.random",
    "torch": "torch._dynamo",
}
"""What a library imports when it is first used: of torch, a second of it for each optimizer."""


def settle(threads: bool = False) -> None:
    """Set the variables that count when something is imported.

    Args:
        threads: libraries of linear algebra choose how many threads they have, as ever.
    """
    for variable, value in (SETTINGS | ({} if threads else ONE_THREAD)).items():
        os.environ.setdefault(variable, value)


def preload(names: Iterable[str]) -> dict[str, str]:
    """Import these; returns the modules that cannot be imported, and why."""
    missing = {}
    for name in names:
        try:
            importlib.import_module(name)
            library = name.partition(".")[0]
            if library in LATER:
                importlib.import_module(LATER[library])
            if library == "matplotlib":
                importlib.import_module(f"{__package__}.plots").prepare()
        except BaseException as error:
            missing[name] = str(error) or repr(error)
    return missing


def hindrance() -> str:
    """Why this process must not fork kernels now, as a sentence; empty where it may."""
    if _threads() > 1:
        # OpenBLAS starts its threads at import, and ends them before any fork until it computes.
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
    threads = _threads()
    if threads > 1:
        return (
            f"the fork server has {threads} threads, and can only fork with one. A module that"
            " it imports starts them: leave it out of what is preloaded."
        )
    if _has_gpu():
        return (
            "the fork server has opened a GPU, which no forked kernel could use then. A module that"
            " it imports does so: leave it out of what is preloaded."
        )
    return ""


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _has_gpu() -> bool:
    """CUDA's driver has its devices open from its first call on."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(descriptor.readlink()).startswith(GPUS):
                return True
    return False

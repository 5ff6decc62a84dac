"""What a fork server imports before it forks, so that no kernel has to."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable

SETTINGS = {
    # ipykernel.debugger imports pydevd, which would tell of itself on standard error.
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    # Libraries of linear algebra start their threads when they are imported.
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # What stock sets in a kernel, matplotlib reads once, when it is imported.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
"""Variables, where the environment says nothing else."""

LATER = {
    "matplotlib": "matplotlib.pyplot",
    "numpy": "numpy.random",
    "torch": "torch._dynamo",
}
"""What a library imports when it is first used: of torch, a second of it for each optimizer."""


def preload(names: Iterable[str]) -> dict[str, str]:
    """Import these; returns the modules that cannot be imported, and why."""
    for variable, value in SETTINGS.items():
        os.environ.setdefault(variable, value)
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

"""The classroom's configuration on the one-machine Slurm of `slurm_site`: what a site changes."""

import os
from pathlib import Path

c = get_config()  # noqa: F821 - traitlets provides it
load_subconfig(str(Path(__file__).with_name("jupyterhub_config.py")))  # noqa: F821

c.ClusterSpawner.hub_id = "one-machine"
c.ClusterSpawner.clusters = {
    "one-machine": {"type": "slurm", "conf": os.environ["LESESAL_SLURM_CONF"]}
}
c.ClusterSpawner.offers = {
    "cpu-small": {
        "title": "Two cores",
        "description": "For everything that needs no GPU.",
        "cluster": "one-machine",
        "partition": "cpu",
        "cpus": 2,
        "memory_mb": 4096,
        "hours": 8,
        "more_hours": 2,
    },
    "gpu-slice": {
        "title": "A slice of a GPU",
        "description": "Enough to learn with; starts soonest.",
        "cluster": "one-machine",
        "partition": "gpu",
        "gpus": {"1g.10gb": 1},
        "cpus": 2,
        "memory_mb": 8192,
        "hours": 4,
        "more_hours": 1,
    },
    "gpu-share": {
        "title": "A shared GPU",
        "description": "A quarter of an H100, shared with others.",
        "cluster": "one-machine",
        "partition": "gpu",
        "shards": 2,
        "cpus": 2,
        "memory_mb": 8192,
        "hours": 4,
    },
    "gpu": {
        "title": "A whole GPU",
        "description": "For training that needs one; you may wait.",
        "cluster": "one-machine",
        "partition": "gpu",
        "gpus": {"h100": 1},
        "cpus": 8,
        "memory_mb": 32768,
        "hours": 2,
    },
}
c.ClusterSpawner.cmd = [
    os.environ["LESESAL_SESSION_PYTHON"],
    "-P",
    "-m",
    "lesesal_notebook.session",
]

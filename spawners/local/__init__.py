"""The embedded cluster: jobs are processes of this machine."""

from .cluster import LocalCluster

__all__ = ["LocalCluster"]

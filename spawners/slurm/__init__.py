"""Slurm: argv out, text in, subprocess in one file."""

from .cluster import SlurmCluster

__all__ = ["SlurmCluster"]

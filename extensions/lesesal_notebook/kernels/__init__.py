"""Kernels by fork: a server that has imported what a course needs, and a sandbox for each."""

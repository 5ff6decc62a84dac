"""The folder of environments: `ROOT/COURSE/VERSION/`, and `ROOT/COURSE/current`, which points to
the one that new sessions run in.

A version is never changed once it is there. Whoever runs in one keeps it.
"""

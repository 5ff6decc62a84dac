"""This machine, for the embedded classroom: its folders, its ports, its processes."""

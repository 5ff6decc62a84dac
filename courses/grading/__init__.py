"""Grading with nbgrader: what is handed in is sanitized, executed elsewhere, recorded."""

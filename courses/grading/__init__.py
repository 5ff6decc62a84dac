"""nbgrader, in processes of its own."""

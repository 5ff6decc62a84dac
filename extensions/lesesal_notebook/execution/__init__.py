"""The worker of a grading run (docs/grading-run.md): executes what students handed in."""

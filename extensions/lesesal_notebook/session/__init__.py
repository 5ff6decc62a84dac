"""A job's entry point: bind, report, serve; and what the session was given."""

"""Unix accounts: what is done in a user's name, and the files that a session finds."""

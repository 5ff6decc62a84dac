"""Commands whose work is asking and telling."""

"""What runs where the session runs (node side)."""

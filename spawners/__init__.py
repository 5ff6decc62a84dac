"""A wish becomes a running notebook (hub side)."""

"""A site as its students meet it: through the front door, with a browser's requests."""

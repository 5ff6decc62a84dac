"""`desk()`: the course and the session at a glance, and what one does with them."""

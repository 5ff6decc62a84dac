"""`progress()`: how far a loop is, seen from anywhere."""

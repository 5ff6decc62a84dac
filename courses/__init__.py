"""Who teaches what, with what, until when (hub side)."""

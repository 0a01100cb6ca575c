"""Worlds to measure in, of which no weights have ever been trained on a picture."""

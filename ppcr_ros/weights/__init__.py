"""Weights: where they are, fetching and checking them, provenance. Imports no torch."""

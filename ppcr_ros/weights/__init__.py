"""Where weights are; fetching and checking them; provenance. Imports no torch."""

"""Memory and latency of a model set on a board, computed from its architecture."""

"""What a model set takes on a board: memory and latency computed from its architecture."""

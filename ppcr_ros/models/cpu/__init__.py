"""Fast twins of the embedded models' parts on a CPU."""

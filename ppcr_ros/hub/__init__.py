"""Fetching models once, recording what was fetched, and checking it ever after."""

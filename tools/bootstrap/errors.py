"""The one failure of a set-up."""

from __future__ import annotations


class SetupError(RuntimeError):
    """Says what came, what was expected and what to do."""

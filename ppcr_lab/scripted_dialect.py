"""Base of the scripted dialects."""

from __future__ import annotations

from typing import Any

from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import SemanticPrompt


class SilentDialect:
    """Has none of the questions that a dialect need not have."""

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn | None:
        return None

    def direct_all_turn(self, command: str) -> Turn | None:
        return None

    def verification_turn(self, *args: Any, **sizes: Any) -> Turn | None:
        return None

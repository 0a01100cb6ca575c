"""Meanings of a reply: which candidates it chooses, or what else is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ppcr_ros.core.types import Candidate


@dataclass(frozen=True)
class Chosen:
    """The reply means these candidates: one as a rule, more for ``both``."""

    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Narrowed:
    """The reply still fits several of the candidates, or none of them."""

    candidates: tuple[Candidate, ...]
    problem: str = ""


@dataclass(frozen=True)
class Reworded:
    """The reply says something of which the candidates' words know nothing: a model must look.

    Attributes:
        command: the reply as a whole command: ``the pink mug`` for ``the pink one``.
    """

    command: str


@dataclass(frozen=True)
class Declined:
    """None of them is meant, or nothing any more."""


Reply: TypeAlias = Chosen | Narrowed | Reworded | Declined


def chosen_or_narrowed(left: tuple[Candidate, ...]) -> Reply:
    """One that is left is chosen."""
    return Chosen(left) if len(left) == 1 else Narrowed(left)

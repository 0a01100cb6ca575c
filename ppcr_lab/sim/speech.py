"""Turns a noun phrase into what a speech recogniser writes when a person says it to a robot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ppcr_lab.sim.vocabulary import FILLERS, HOMOPHONES, WRAPS

T = TypeVar("T")

_QUESTIONS = ("can", "could", "would", "where", "may")
_ARTICLE = re.compile(r"\b(?:the|that|this) ")
_MIN_MISSPELT_LETTERS = 4
_OTHER_WORDS = ("back", "ball", "bowl", "call", "can", "cone", "one", "pale", "pen", "tray")
"""Words that a misspelling must not make of others."""


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """One of ``items``, all as likely."""
    return items[int(rng.integers(len(items)))]


def speak(noun_phrase: str, rng: np.random.Generator, phrasing: str) -> str:
    """``noun_phrase`` in an imperative with fillers, and with a recogniser's faults.

    Raises:
        ValueError: when ``phrasing`` is not ``train``, ``val`` or ``test``.
    """
    wraps = WRAPS.get(phrasing)
    if wraps is None:
        raise ValueError(f"phrasing is {phrasing!r}; expected 'train', 'val' or 'test'.")
    text = pick(wraps, rng).format(noun_phrase)
    if rng.random() < 0.3:
        text = f"{pick(FILLERS, rng)}{', ' if rng.random() < 0.6 else ' '}{text}"
    if rng.random() < 0.3:
        text = f"{text}{', ' if rng.random() < 0.3 else ' '}please"
    if rng.random() < 0.12:
        text = _ARTICLE.sub("", text, count=1 if rng.random() < 0.5 else 0)
    if rng.random() < 0.12:
        text = misheard(text, rng)
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.3:
        text += "?" if text.lower().startswith(_QUESTIONS) else "."
    return text


def misheard(text: str, rng: np.random.Generator) -> str:
    """``text`` with one word misspelt, or written as another that sounds like it."""
    words = text.split(" ")
    alike = [place for place, word in enumerate(words) if word in HOMOPHONES]
    if alike and rng.random() < 0.25:
        place = pick(alike, rng)
        words[place] = HOMOPHONES[words[place]]
        return " ".join(words)
    long = [place for place, word in enumerate(words) if len(word) >= _MIN_MISSPELT_LETTERS]
    if not long:
        return text
    place = pick(long, rng)
    misspelt = _misspelt(words[place], rng)
    if misspelt in _OTHER_WORDS:  # as black becomes back
        return text
    words[place] = misspelt
    return " ".join(words)


def _misspelt(word: str, rng: np.random.Generator) -> str:
    """``word`` with one letter after the first dropped, doubled or swapped with the next."""
    at = int(rng.integers(1, len(word) - 1))
    way = int(rng.integers(3))
    if way == 0:
        return word[:at] + word[at + 1 :]
    if way == 1:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

"""Noun phrases, counts and relations put into words, in one split's phrasing."""

from __future__ import annotations

import numpy as np

from ppcr_lab.sim.phrases import Phrase, in_words, word_for
from ppcr_lab.sim.speech import pick, speak
from ppcr_lab.sim.vocabulary import (
    ATTRIBUTE_TEMPLATES,
    COMPARATIVE_TEMPLATES,
    COUNTING_TEMPLATES,
    COUNTS,
    NEGATION_TEMPLATES,
    NUMERALS,
    OUTERMOST_TEMPLATES,
    RELATION_TEMPLATES,
    WRAPS,
)

ORDINALS = ("first", "second", "third", "fourth")


class Wording:
    """Says things in templates drawn at random.

    Args:
        rng: where the choices come from.
        phrasing: ``train``, ``val`` or ``test``, which templates are used.
    """

    def __init__(self, rng: np.random.Generator, phrasing: str) -> None:
        if phrasing not in WRAPS:
            raise ValueError(f"phrasing is {phrasing!r}; expected 'train', 'val' or 'test'.")
        self._rng, self._phrasing = rng, phrasing

    def speak(self, named: str) -> str:
        """``said`` as a person speaks it and a recogniser writes it."""
        return speak(named, self._rng, self._phrasing)

    def describe(self, phrase: Phrase) -> str:
        """``the little red block``."""
        return self._fill_template(ATTRIBUTE_TEMPLATES, phrase)

    def describe_negated(self, phrase: Phrase) -> str:
        """``the mug that is not red``, for a phrase with ``unlike``."""
        name, value = phrase.unlike or ("", "")
        other = word_for(name, value, self._rng)
        templates = NEGATION_TEMPLATES
        if name == "category":  # "the red thing but not the a ball one" is not English
            templates = {k: tuple(t for t in v if " one" not in t) for k, v in templates.items()}
        return self._fill_template(templates, phrase, other=other)

    def compare(self, relation: str, phrase: Phrase, group: int) -> str:
        """``the bigger one of the two bottles``, with ``largest`` as the relation."""
        return self._fill_template(COMPARATIVE_TEMPLATES[relation], phrase, group=group)

    def count(self, phrase: Phrase, side: str, rank: int) -> str:
        """``the second ball from the left``; the first of a side is the outermost."""
        ordinal = ORDINALS[rank]
        if self._rng.random() < 0.15:
            ordinal = NUMERALS[ordinal]
        templates = OUTERMOST_TEMPLATES[side] if rank == 0 else COUNTING_TEMPLATES
        return self._fill_template(templates, phrase, ordinal=ordinal, first=ordinal, side=side)

    def relate(self, relation: str, phrase: Phrase, anchors: list[Phrase]) -> str:
        """``the ball left of the red cube``."""
        named = ["the " + in_words(anchor, self._rng).whole for anchor in anchors]
        return self._fill_template(
            RELATION_TEMPLATES[relation], phrase, anchor=named[0], anchor2=named[-1]
        )

    def _fill_template(
        self,
        templates: dict[str, tuple[str, ...]],
        phrase: Phrase,
        *,
        group: int = 0,
        **places: str,
    ) -> str:
        """A template of this phrasing, filled in; ``group`` is how many a plural speaks of."""
        words = in_words(phrase, self._rng)
        usable = [t for t in templates[self._phrasing] if words.looks or "{looks}" not in t]
        many = in_words(phrase, self._rng, plural=True).whole
        if group in COUNTS and self._rng.random() < 0.5:
            many = f"{COUNTS[group]} {many}"
        return pick(usable, self._rng).format(
            np=words.whole, nps=many, noun=words.noun, looks=words.looks, **places
        )

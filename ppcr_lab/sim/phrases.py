"""Noun phrases: what is said of an object, which objects it fits, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ppcr_lab.sim.scene import ObjectSpec
from ppcr_lab.sim.speech import pick
from ppcr_lab.sim.vocabulary import ANYTHING, CATEGORY_WORDS, COLOUR_WORDS, SIZE_WORDS, TRIM_WORDS

NAMES = ("size", "colour", "category")
"""What a phrase may say, in the order in which it is said."""

NAME_SETS: tuple[tuple[str, ...], ...] = tuple(
    names
    for count in (1, 2, 3)
    for names in combinations(NAMES, count)
    if "category" in names or "size" not in names
)
"""What may be said together. A size is said of a kind alone: a small plate is larger than a large
ball."""


def full_name(item: ObjectSpec) -> str:
    """All that can be said of an object, in canonical words: ``small red-white mug``."""
    colour = item.colour if item.trim_colour is None else f"{item.colour}-{item.trim_colour}"
    return f"{item.size} {colour} {item.category}"


@dataclass(frozen=True)
class Phrase:
    """A noun phrase: what is said of an object, None where nothing is.

    Attributes:
        size: one of ``scene.SIZES``.
        colour: one of ``scene.COLOURS``, the object's own or main colour.
        category: one of ``scene.CATEGORIES``.
        trim_colour: the second colour of a two-tone object.
        unlike: a name of `NAMES` and the value that the object does not have.
    """

    size: str | None = None
    colour: str | None = None
    category: str | None = None
    trim_colour: str | None = None
    unlike: tuple[str, str] | None = None

    def matches(self, item: ObjectSpec) -> bool:
        return (
            self.size in (None, item.size)
            and self.colour in (None, item.colour)
            and self.category in (None, item.category)
            and self.trim_colour in (None, item.trim_colour)
            and (self.unlike is None or getattr(item, self.unlike[0]) != self.unlike[1])
        )

    def swaps(self, item: ObjectSpec) -> bool:
        """Whether a two-tone ``item`` has this phrase's two colours the other way round."""
        return self.trim_colour is not None and (
            (item.colour, item.trim_colour) == (self.trim_colour, self.colour)
        )

    @property
    def text(self) -> str:
        """The phrase in canonical words: ``small green ball``, ``object not red``."""
        colour = self.colour
        if colour and self.trim_colour:
            colour = f"{colour}-{self.trim_colour}"
        words = [self.size, colour, self.category or "object"]
        if self.unlike is not None:
            words += ["not", self.unlike[1]]
        return " ".join(word for word in words if word)


def phrase_of(item: ObjectSpec, names: tuple[str, ...], *, trim: bool = False) -> Phrase:
    """What ``names`` say of ``item``; with ``trim`` its second colour too, if it has one."""
    phrase = Phrase(**{name: getattr(item, name) for name in names})
    if trim and phrase.colour and item.trim_colour:
        phrase = replace(phrase, trim_colour=item.trim_colour)
    return phrase


@dataclass(frozen=True)
class SpokenPhrase:
    """A phrase in everyday words.

    Attributes:
        whole: ``little red block``.
        noun: ``block``.
        looks: ``little and red``; "" where nothing but the noun is said.
    """

    whole: str
    noun: str
    looks: str


def in_words(phrase: Phrase, rng: np.random.Generator, *, plural: bool = False) -> SpokenPhrase:
    """``phrase`` in everyday words, without what it is unlike."""
    noun = pick(CATEGORY_WORDS[phrase.category] if phrase.category else ANYTHING, rng)
    if plural:
        noun += "es" if noun.endswith(("x", "sh")) else "s"
    looks = [pick(SIZE_WORDS[phrase.size], rng)] if phrase.size else []
    after = ""
    if phrase.colour:
        colour = colour_word(phrase.colour, rng)
        if phrase.trim_colour is None:
            looks.append(colour)
        elif phrase.category is None or rng.random() < 0.5:
            looks.append(f"{colour} and {colour_word(phrase.trim_colour, rng)}")
        else:
            looks.append(colour)
            part = TRIM_WORDS.get(phrase.category, "stripe")
            after = f" with the {colour_word(phrase.trim_colour, rng)} {part}"
    whole = " ".join([*looks, noun]) + after
    return SpokenPhrase(whole, noun, "" if after else " and ".join(looks))


def colour_word(colour: str, rng: np.random.Generator) -> str:
    """An everyday word for a colour."""
    return pick(COLOUR_WORDS.get(colour, (colour,)), rng)


def word_for(name: str, value: str, rng: np.random.Generator) -> str:
    """An everyday word for what an object is unlike: ``red``, ``big``, ``a block``."""
    if name == "size":
        return pick(SIZE_WORDS[value], rng)
    if name == "colour":
        return colour_word(value, rng)
    return f"a {pick(CATEGORY_WORDS[value], rng)}"

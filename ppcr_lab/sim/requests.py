"""Commands that ask for more than one object to point at, or for less.

A place to bring something to, a prohibition, a correction, a part, several things, and talk that
asks for nothing. The objects that they name are named as `ppcr_lab.sim.commands` names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ppcr_lab.sim.commands import (
    KINDS,
    MOST_LISTED,
    TRAINING_MIX,
    CommandSampler,
    T,
    first_drawn,
    sample_some,
)
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.phrases import Phrase, in_words
from ppcr_lab.sim.request_words import (
    CORRECTION_TEMPLATES,
    DESTINATION_TEMPLATES,
    NOTHING_TEMPLATES,
    NOTHING_WORDS,
    PAIR_TEMPLATES,
    PART_TEMPLATES,
    PART_WORDS,
    PLACE_WORDS,
    PROHIBITION_TEMPLATES,
    SEVERAL_TEMPLATES,
)
from ppcr_lab.sim.scene import Scene
from ppcr_lab.sim.speech import pick
from ppcr_lab.sim.vocabulary import COUNTS, Templates
from ppcr_ros.core.types import Array
from ppcr_ros.models.mllm.tiny_understanding import NOTHING

REQUEST_KINDS = (
    "destination", "prohibition", "correction", "part", "several", "pair", "nothing",
)  # fmt: skip
REQUESTS_MIX = (
    *("destination",) * 3, *("prohibition",) * 2, "correction", "part", *("several",) * 3,
    "nothing",
)  # fmt: skip
"""The kinds of the training commands beside `TRAINING_MIX`. Of a pair each is asked by itself."""

_ONE_OBJECT = ("attribute", "attribute", "attribute", "ordinal", "relation", "negation")
_OWN_PLACE = re.compile(
    r"\b(?:left|right|front|behind|beside|next|nearest|closest|on|in|inside|before|back)\b"
)
_TELLS_ITS_PLACE = re.compile(r"\b(?:that|which) (?:is|stands|lies)\b")
_TELLS_ITS_LOOKS = re.compile(r"\b(?:that|which) (?:is not|isn't)\b")


class RequestSampler:
    """Draws the commands of `REQUEST_KINDS`, and those of `KINDS` as `CommandSampler` does.

    Args:
        scene: the scene.
        instance: (H, W) int8, which object each pixel shows, -1 for none.
        rng: where the choices come from.
        phrasing: ``train``, ``val`` or ``test``, which templates are used.
    """

    def __init__(
        self, scene: Scene, instance: Array, rng: np.random.Generator, phrasing: str = "train"
    ) -> None:
        self._plain = CommandSampler(scene, instance, rng, phrasing)
        self._objects, self._rng, self._phrasing = scene.objects, rng, phrasing

    def sample(self, kind: str) -> ReferringCommand | None:
        """One command of ``kind``; None where this scene gives none after some tries."""
        if kind in KINDS:
            return self._plain.sample(kind)
        draw: Callable[[], ReferringCommand | None] = {
            "destination": self._destination,
            "prohibition": self._prohibition,
            "correction": self._correction,
            "part": self._part,
            "several": self._several,
            "pair": self._pair,
            "nothing": self._nothing,
        }[kind]
        return first_drawn(draw)

    def _destination(self) -> ReferringCommand | None:
        target, place = self._one(), self._plain.draw("attribute")
        if target is None or place is None or place.target in (None, target.target):
            return None
        holder = self._objects[place.target or 0].category
        relations = [name for name in PLACE_WORDS if name not in ("in", "on")]
        relations += ["in"] * 8 if holder == "bowl" else ["on"] * 8
        relation = self._pick(relations)
        if relation not in ("in", "on") and _OWN_PLACE.search(target.text):
            relation = "in" if holder == "bowl" else "on"
        sentence = self._fill_template(
            DESTINATION_TEMPLATES,
            x=target.text,
            rel=self._pick(PLACE_WORDS[relation]),
            y=place.text,
        )
        return self._request_from(
            target,
            "destination",
            sentence,
            destination=place.target,
            destination_relation=relation,
        )

    def _prohibition(self) -> ReferringCommand | None:
        left = self._one()
        if left is None or left.target is None:
            return None
        text = self._fill_template(PROHIBITION_TEMPLATES, x=left.text)
        command = ReferringCommand(text, "prohibition", NOTHING, "", None, forbidden=(left.target,))
        return self._marked(command)

    def _correction(self) -> ReferringCommand | None:
        target, other = self._one(), self._plain.draw("attribute")
        if target is None or other is None or other.target in (None, target.target):
            return None
        sentence = self._fill_template(CORRECTION_TEMPLATES, x=target.text, y=other.text)
        return self._request_from(target, "correction", sentence, forbidden=(other.target,))

    def _part(self) -> ReferringCommand | None:
        target = self._one()
        if target is None or target.target is None:
            return None
        category = self._objects[target.target].category
        if category not in target.phrase.split() or category not in PART_WORDS:
            return None
        part = self._pick(PART_WORDS[category])
        if re.search(rf"\b(?:{part}|on|in|inside)\b", target.text):  # "with the red handle"
            return None
        sentence = self._fill_template(PART_TEMPLATES, x=target.text, part=part)
        return self._plain.speak(replace(target, kind="part", text=sentence, part=part))

    def _several(self) -> ReferringCommand | None:
        one = self._plain.draw("ambiguous")
        if one is None or one.relation or " not " in one.phrase:
            return None
        phrase = self._phrase_of(one)
        fitting = one.fitting
        template = self._pick(SEVERAL_TEMPLATES[self._phrasing])
        if len(fitting) == MOST_LISTED or (len(fitting) != 2 and "both" in template):
            return None
        if "{number}" in template and len(fitting) not in COUNTS:
            return None
        sentence = template.format(
            np=in_words(phrase, self._rng).whole,
            nps=in_words(phrase, self._rng, plural=True).whole,
            number=COUNTS.get(len(fitting), ""),
        )
        return self._plain.speak(replace(one, kind="several", text=sentence, targets=fitting))

    def _phrase_of(self, command: ReferringCommand) -> Phrase:
        """The phrase of a command that has no negation, read back from what it fits."""
        words = command.phrase.replace("-", " ").split()
        item = self._objects[command.fitting[0]]
        return Phrase(
            size=item.size if item.size in words else None,
            colour=item.colour if item.colour in words else None,
            category=item.category if item.category in words else None,
            trim_colour=item.trim_colour if "-" in command.phrase else None,
        )

    def _pair(self) -> ReferringCommand | None:
        target, other = self._plain.draw("attribute"), self._plain.draw("attribute")
        if target is None or other is None or target.target is None or other.target is None:
            return None
        if other.target == target.target:
            return None
        sentence = self._fill_template(
            PAIR_TEMPLATES, x=_definite(target.text), y=_definite(other.text)
        )
        command = replace(target, kind="pair", text=sentence, target=None)
        return self._plain.speak(replace(command, targets=(target.target, other.target)))

    def _nothing(self) -> ReferringCommand:
        text = self._pick(NOTHING_TEMPLATES[self._phrasing])
        while "{" in text:
            text = re.sub(
                r"\{(\w+)\}", lambda gap: self._pick(NOTHING_WORDS[gap[1]]), text, count=1
            )
        return self._marked(ReferringCommand(text, "nothing", NOTHING, "", None))

    def _one(self) -> ReferringCommand | None:
        """A command that means one object, in such words that nothing can be mistaken for a place
        that it is to be brought to."""
        command = self._plain.draw(self._pick(_ONE_OBJECT))
        if command is None or command.target is None:
            return None
        needed = {"relation": _TELLS_ITS_PLACE, "negation": _TELLS_ITS_LOOKS}.get(command.kind)
        if needed is not None and not needed.search(command.text):
            return None
        return replace(command, text=_definite(command.text))

    def _request_from(
        self, target: ReferringCommand, kind: str, sentence: str, **reading: object
    ) -> ReferringCommand:
        return self._marked(replace(target, kind=kind, text=sentence, **reading))  # type: ignore[arg-type]

    def _fill_template(self, templates: Templates, **words: str) -> str:
        return self._pick(templates[self._phrasing]).format(**words)

    def _marked(self, command: ReferringCommand) -> ReferringCommand:
        """``command`` with a capital, a please, or a full stop, for it has a verb already."""
        text = command.text
        if self._rng.random() < 0.2:
            text = f"{text}{', ' if self._rng.random() < 0.5 else ' '}please"
        if self._rng.random() < 0.3:
            text = text[0].upper() + text[1:]
        return replace(command, text=f"{text}." if self._rng.random() < 0.3 else text)

    def _pick(self, items: Sequence[T]) -> T:
        return pick(items, self._rng)


def sample_requests(
    scene: Scene,
    instance: Array,
    rng: np.random.Generator,
    n: int,
) -> list[ReferringCommand]:
    """Up to ``n`` training commands about the scene, requests among them.

    Fewer come back only where the scene gives no more, for example when nothing is seen.
    """
    sampler = RequestSampler(scene, instance, rng)
    return sample_some(sampler.sample, rng, n, (*TRAINING_MIX, *REQUESTS_MIX))


def _definite(text: str) -> str:
    """``a mug that is red`` is any such mug; ``the mug that is red`` the one that is meant."""
    return re.sub(r"^an? ", "the ", text)

"""The words of the tabletop's commands, and how a person wraps them into a sentence."""

from __future__ import annotations

import numpy as np

SHAPE_WORDS: dict[str, tuple[str, ...]] = {
    "cube": ("cube", "cube", "block", "box"),
    "ball": ("ball", "ball", "sphere"),
    "cylinder": ("cylinder", "cylinder", "can"),
    "capsule": ("capsule", "capsule", "pill"),
}
ANYTHING = ("object", "thing", "one", "item")
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red",),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "blue": ("blue",),
    "purple": ("purple", "purple", "violet"),
    "white": ("white",),
    "black": ("black",),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "little", "tiny"),
    "large": ("large", "big", "big"),
}

ORDINAL_WORDS: dict[str, tuple[str, ...]] = {
    "left": (
        "the leftmost {noun}",
        "the {noun} furthest to the left",
        "the {noun} on the far left",
        "the first {noun} from the left",
    ),
    "right": (
        "the rightmost {noun}",
        "the {noun} furthest to the right",
        "the {noun} on the far right",
        "the first {noun} from the right",
    ),
    "front": (
        "the closest {noun}",
        "the nearest {noun}",
        "the {noun} closest to you",
        "the {noun} at the front",
        "the first {noun} from the front",
    ),
    "back": (
        "the farthest {noun}",
        "the {noun} furthest away",
        "the {noun} at the back",
        "the first {noun} from the back",
    ),
}
"""How the outermost one of its kind is named."""
SIDE_WORDS: dict[str, tuple[str, ...]] = {
    side: (
        f"the {{ordinal}} {{noun}} from the {side}",
        f"the {{ordinal}} {{noun}} counting from the {side}",
        f"{{noun}} number {{ordinal}} from the {side}",
    )
    for side in ("left", "right", "front", "back")
}
RELATION_WORDS: dict[str, tuple[str, ...]] = {
    "left of": (
        "the {noun} left of the {anchor}",
        "the {noun} to the left of the {anchor}",
        "the {noun} on the left of the {anchor}",
        "the {noun} on the left side of the {anchor}",
    ),
    "right of": (
        "the {noun} right of the {anchor}",
        "the {noun} to the right of the {anchor}",
        "the {noun} on the right of the {anchor}",
        "the {noun} on the right side of the {anchor}",
    ),
    "in front of": (
        "the {noun} in front of the {anchor}",
        "the {noun} that is in front of the {anchor}",
        "the {noun} before the {anchor}",
    ),
    "behind": (
        "the {noun} behind the {anchor}",
        "the {noun} that is behind the {anchor}",
        "the {noun} in back of the {anchor}",
    ),
    "nearest to": (
        "the {noun} nearest to the {anchor}",
        "the {noun} closest to the {anchor}",
        "the {noun} nearest the {anchor}",
        "the {noun} next to the {anchor}",
    ),
}

UNKNOWN_NOUNS = (
    "mug", "cup", "bottle", "banana", "apple", "book", "pen", "plate", "bowl", "spoon", "fork",
    "knife", "phone", "keys", "hammer", "screwdriver", "sponge", "towel", "shoe", "hat", "lamp",
    "mouse", "keyboard", "scissors", "stapler", "teddy bear", "dog", "cat", "car", "toy train",
    "glass", "pan", "carrot", "lemon", "watch", "glove", "brush", "candle", "tray", "pyramid",
)  # fmt: skip
"""Things that no tabletop scene holds."""

_FILLERS = (
    "um", "uh", "er", "well", "okay", "so", "hey", "hey robot", "robot", "please", "now", "right",
)  # fmt: skip
_TRAIN_WRAPS = (
    "{0}", "{0}", "{0}", "pick up {0}", "pick {0} up", "grab {0}", "take {0}", "get {0}",
    "get me {0}", "hand me {0}", "give me {0}", "pass me {0}", "bring me {0}", "fetch {0}",
    "find {0}", "where is {0}", "show me {0}", "point at {0}", "look at {0}", "i want {0}",
    "i need {0}", "i would like {0}", "can you pick up {0}", "can you get {0}",
    "could you grab {0}", "could you hand me {0}", "would you pass me {0}", "can you see {0}",
    "please take {0}", "go for {0}", "move {0}", "lift {0}", "segment {0}", "touch {0}",
    "put {0} in the basket", "put {0} away", "take {0} off the table", "let us have {0}",
    "i am looking for {0}", "pick {0} and give it to me", "the one i want is {0}",
    "it is {0} that i need",
)  # fmt: skip
_TEST_WRAPS = (
    "{0}", "could you give me {0}", "would you grab {0}", "please fetch me {0}", "can you find {0}",
    "can you bring {0}", "i would like you to take {0}", "go and get {0}", "locate {0}",
    "please show me {0}", "help me find {0}", "i want you to pick up {0}", "may i have {0}",
)  # fmt: skip

WRAPS: dict[str, tuple[str, ...]] = {"train": _TRAIN_WRAPS, "test": _TEST_WRAPS}
"""The sentences around a noun phrase, by split; they share the bare phrase alone."""


def wrap(noun_phrase: str, rng: np.random.Generator, phrasing: str) -> str:
    """``noun_phrase`` in an imperative with fillers, lower or sentence case, as a person speaks.

    Raises:
        ValueError: when ``phrasing`` is neither ``train`` nor ``test``.
    """
    wraps = WRAPS.get(phrasing)
    if wraps is None:
        raise ValueError(f"phrasing is {phrasing!r}; expected 'train' or 'test'.")
    text = wraps[int(rng.integers(len(wraps)))].format(noun_phrase)
    if rng.random() < 0.3:
        filler = _FILLERS[int(rng.integers(len(_FILLERS)))]
        text = f"{filler}{', ' if rng.random() < 0.6 else ' '}{text}"
    if rng.random() < 0.3:
        text = f"{text}{', ' if rng.random() < 0.3 else ' '}please"
    if rng.random() < 0.15:
        text = text.replace("the ", "", 1) if rng.random() < 0.5 else text.replace("the ", "a ", 1)
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.3:
        text += "?" if text.lower().startswith(("can", "could", "would", "where", "may")) else "."
    return text

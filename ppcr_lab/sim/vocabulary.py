"""The words of the tabletop's commands.

Sentences are built from templates. No two of the phrasings ``train``, ``val`` and ``test`` share
one; ``val`` and ``test`` are made of words that ``train`` uses too: what is tested is another way
to say it. Models learn from ``train`` alone, and their scores are calibrated on ``val``.
"""

from __future__ import annotations

CATEGORY_WORDS: dict[str, tuple[str, ...]] = {
    "cube": ("cube", "cube", "block", "box"),
    "ball": ("ball", "ball", "sphere"),
    "cylinder": ("cylinder", "cylinder", "can"),
    "capsule": ("capsule", "capsule", "pill"),
    "cone": ("cone",),
    "mug": ("mug", "mug", "cup"),
    "bowl": ("bowl",),
    "bottle": ("bottle", "bottle", "flask"),
    "plate": ("plate", "plate", "dish"),
    "tray": ("tray",),
}
ANYTHING = ("object", "thing", "one", "item")
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "purple": ("purple", "purple", "violet"),
    "grey": ("grey", "gray"),
}
"""Other words for a colour; a colour that is not here has its own name alone."""
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "little", "tiny"),
    "large": ("large", "big", "big"),
}
TRIM_WORDS: dict[str, str] = {
    "mug": "handle",
    "bottle": "cap",
    "bowl": "rim",
    "plate": "rim",
    "tray": "rim",
}
"""What a two-tone object's second colour is on; a stripe where the category is not here."""

NUMERALS = {"first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th"}
COUNTS = {2: "two", 3: "three", 4: "four"}

Templates = dict[str, tuple[str, ...]]
"""Ways to say it, by phrasing: ``train``, ``val`` and ``test``."""

ATTRIBUTE_TEMPLATES: Templates = {
    "train": (
        "the {np}",
        "the {np}",
        "the {np}",
        "this {np}",
        "that {np}",
        "the {np} over there",
        "this {np} here",
        "the {noun} that is {looks}",
        "the {noun} that looks {looks}",
        "that {looks} {noun} there",
        "a {noun} which looks {looks}",
    ),
    "val": ("that {np} there", "a {noun} that is {looks}", "this {noun} which looks {looks}"),
    "test": ("that {np} over there", "the {noun} which is {looks}", "this {noun} that is {looks}"),
}
"""``{noun}`` and ``{looks}`` are the parts of the noun phrase ``{np}``."""

NEGATION_TEMPLATES: Templates = {
    "train": (
        "the {np} that is not {other}",
        "the {np} that isn't {other}",
        "the {np} which is not {other}",
        "the {np} but not the {other} one",
        "not the {other} one the other {np}",
        "this {np} which is not {other}",
        "that {np} but not the {other} one",
    ),
    "val": (
        "this {np} that isn't {other}",
        "a {np} which is not {other}",
        "the {np} and not the {other} one",
    ),
    "test": (
        "the {np} which isn't {other}",
        "the {np} not the {other} one",
        "that {np} that is not {other}",
    ),
}

COMPARATIVE_TEMPLATES: dict[str, Templates] = {
    "largest": {
        "train": (
            "the bigger {np}",
            "the larger {np}",
            "the biggest {np}",
            "the largest {np}",
            "the bigger one of the {nps}",
            "the larger of the {nps}",
            "this bigger {np}",
            "the largest one among the {nps}",
        ),
        "val": ("the biggest one of the {nps}", "this larger {np}"),
        "test": ("the biggest of the {nps}", "the larger one of the {nps}", "that bigger {np}"),
    },
    "smallest": {
        "train": (
            "the smaller {np}",
            "the smallest {np}",
            "the tinier {np}",
            "the smaller one of the {nps}",
            "the smallest of the {nps}",
            "this smaller {np}",
            "the smallest one among the {nps}",
        ),
        "val": ("the tinier of the {nps}", "that smallest {np}"),
        "test": ("the smaller of the {nps}", "the smallest one of the {nps}", "that smaller {np}"),
    },
}

OUTERMOST_TEMPLATES: dict[str, Templates] = {
    "left": {
        "train": (
            "the leftmost {np}",
            "the {np} furthest to the left",
            "this {np} on the far left",
            "the one of the {nps} furthest to the left",
            "the {np} that is furthest left",
            "the leftmost one of the {nps}",
            "the {np} on the far left",
            "the {first} {np} from the left",
        ),
        "val": ("that leftmost {np}", "the {np} which is furthest to the left"),
        "test": ("the {np} farthest to the left", "the {np} furthest left"),
    },
    "right": {
        "train": (
            "the rightmost {np}",
            "the {np} furthest to the right",
            "this {np} on the far right",
            "the one of the {nps} furthest to the right",
            "the {np} that is furthest right",
            "the rightmost one of the {nps}",
            "the {np} on the far right",
            "the {first} {np} from the right",
        ),
        "val": ("that rightmost {np}", "the {np} which is furthest to the right"),
        "test": ("the {np} farthest to the right", "the {np} furthest right"),
    },
    "front": {
        "train": (
            "the closest {np}",
            "the nearest {np}",
            "the {np} closest to you",
            "the {np} at the front",
            "the {np} that is closest",
            "the {np} that is nearest",
            "the closest one of the {nps}",
            "the {first} {np} from the front",
        ),
        "val": ("that closest {np}", "the {np} which is nearest to you"),
        "test": ("the {np} nearest to you", "the {np} that is closest to you"),
    },
    "back": {
        "train": (
            "the farthest {np}",
            "the {np} furthest away",
            "the {np} at the back",
            "the {np} that is farthest",
            "the {np} that is furthest away",
            "the farthest one of the {nps}",
            "the {first} {np} from the back",
        ),
        "val": ("that farthest {np}", "the {np} which is furthest away"),
        "test": ("the {np} farthest away", "the {np} that is at the back"),
    },
}
"""How the outermost one of its kind is named."""

COUNTING_TEMPLATES: Templates = {
    "train": (
        "the {ordinal} {np} from the {side}",
        "the {ordinal} {np} counting from the {side}",
        "{np} number {ordinal} from the {side}",
        "the {np} that is {ordinal} from the {side}",
        "the {ordinal} of the {nps} from the {side}",
        "the {ordinal} of the {nps} counting from the {side}",
        "of the {nps} the {ordinal} from the {side}",
        "of all the {nps} the one that is {ordinal} from the {side}",
        "from the {side} {np} number {ordinal}",
        "counting from the {side} {np} number {ordinal}",
        "that {np} {ordinal} from the {side}",
    ),
    "val": (
        "the {np} which is {ordinal} from the {side}",
        "counting from the {side} the {ordinal} of the {nps}",
    ),
    "test": (
        "the {ordinal} one of the {nps} from the {side}",
        "counting from the {side} the {ordinal} {np}",
        "from the {side} the {ordinal} {np}",
    ),
}

RELATION_TEMPLATES: dict[str, Templates] = {
    "left of": {
        "train": (
            "the {np} left of {anchor}",
            "the {np} to the left of {anchor}",
            "the {np} on the left side of {anchor}",
            "the {np} that is left of {anchor}",
            "the {np} which is on the left side of {anchor}",
            "that {np} left of {anchor}",
            "the {np} standing to the left of {anchor}",
        ),
        "val": (
            "that {np} which is to the left of {anchor}",
            "a {np} on the left side of {anchor}",
        ),
        "test": (
            "the {np} on the left of {anchor}",
            "the {np} that is to the left of {anchor}",
        ),
    },
    "right of": {
        "train": (
            "the {np} right of {anchor}",
            "the {np} to the right of {anchor}",
            "the {np} on the right side of {anchor}",
            "the {np} that is right of {anchor}",
            "the {np} which is on the right side of {anchor}",
            "that {np} right of {anchor}",
            "the {np} standing to the right of {anchor}",
        ),
        "val": (
            "that {np} which is to the right of {anchor}",
            "a {np} on the right side of {anchor}",
        ),
        "test": (
            "the {np} on the right of {anchor}",
            "the {np} that is to the right of {anchor}",
        ),
    },
    "in front of": {
        "train": (
            "the {np} in front of {anchor}",
            "the {np} before {anchor}",
            "the {np} closer to you than {anchor}",
            "the {np} which is in front of {anchor}",
            "the {np} that stands before {anchor}",
        ),
        "val": ("that {np} in front of {anchor}", "the {np} which is closer to you than {anchor}"),
        "test": ("the {np} that is in front of {anchor}", "the {np} which is before {anchor}"),
    },
    "behind": {
        "train": (
            "the {np} behind {anchor}",
            "the {np} in back of {anchor}",
            "the {np} further away than {anchor}",
            "the {np} which is behind {anchor}",
            "the {np} that stands behind {anchor}",
            "that {np} which is further away than {anchor}",
        ),
        "val": ("that {np} behind {anchor}", "the {np} which is further away than {anchor}"),
        "test": ("the {np} that is behind {anchor}", "the {np} that is further away than {anchor}"),
    },
    "nearest to": {
        "train": (
            "the {np} nearest to {anchor}",
            "the {np} closest to {anchor}",
            "the {np} nearest {anchor}",
            "the {np} next to {anchor}",
            "the {np} beside {anchor}",
            "the {np} which is nearest to {anchor}",
            "the {np} that stands next to {anchor}",
            "the {np} that is closest to {anchor}",
        ),
        "val": ("that {np} nearest to {anchor}", "the {np} which is next to {anchor}"),
        "test": ("the {np} that is nearest to {anchor}", "the {np} that is next to {anchor}"),
    },
    "between": {
        "train": (
            "the {np} between {anchor} and {anchor2}",
            "the {np} in between {anchor} and {anchor2}",
            "the {np} which is between {anchor} and {anchor2}",
            "the {np} that stands between {anchor} and {anchor2}",
        ),
        "val": ("that {np} between {anchor} and {anchor2}",),
        "test": ("the {np} that is between {anchor} and {anchor2}",),
    },
    "on": {
        "train": (
            "the {np} on {anchor}",
            "the {np} on top of {anchor}",
            "the {np} lying on {anchor}",
            "the {np} which is on {anchor}",
            "the {np} that lies on {anchor}",
            "that {np} on top of {anchor}",
        ),
        "val": ("that {np} on {anchor}", "the {np} which lies on {anchor}"),
        "test": ("the {np} that is on {anchor}", "the {np} which is on top of {anchor}"),
    },
    "inside": {
        "train": (
            "the {np} inside {anchor}",
            "the {np} in {anchor}",
            "the {np} inside of {anchor}",
            "the {np} which is in {anchor}",
            "the {np} that lies inside {anchor}",
        ),
        "val": ("that {np} inside {anchor}", "the {np} which lies in {anchor}"),
        "test": ("the {np} that is in {anchor}", "the {np} which is inside {anchor}"),
    },
}

UNKNOWN_NOUNS = (
    "banana", "apple", "book", "pen", "spoon", "fork", "knife", "phone", "keys", "hammer",
    "screwdriver", "sponge", "towel", "shoe", "hat", "lamp", "mouse", "keyboard", "scissors",
    "stapler", "teddy bear", "dog", "cat", "car", "toy train", "glass", "pan", "carrot", "lemon",
    "watch", "glove", "brush", "candle", "pyramid", "ring", "basket", "wallet", "remote", "jar",
    "orange juice", "cereal", "wrench", "tape", "marker", "charger", "umbrella", "camera", "teapot",
)  # fmt: skip
"""Things that no tabletop scene holds."""

FILLERS = (
    "um", "uh", "er", "well", "okay", "so", "hey", "hey robot", "robot", "please", "now", "right",
)  # fmt: skip

WRAPS: dict[str, tuple[str, ...]] = {
    "train": (
        "{0}", "{0}", "{0}", "pick up {0}", "pick {0} up", "grab {0}", "take {0}", "get {0}",
        "get me {0}", "hand me {0}", "give me {0}", "pass me {0}", "bring me {0}", "fetch {0}",
        "find {0}", "where is {0}", "show me {0}", "point at {0}", "look at {0}", "i want {0}",
        "i need {0}", "i would like {0}", "can you pick up {0}", "can you get {0}",
        "could you grab {0}", "could you hand me {0}", "would you pass me {0}", "can you see {0}",
        "please take {0}", "go for {0}", "move {0}", "lift {0}", "segment {0}", "touch {0}",
        "put {0} in the basket", "put {0} away", "take {0} off the table", "let us have {0}",
        "i am looking for {0}", "pick {0} and give it to me", "the one i want is {0}",
        "it is {0} that i need", "put {0} on the shelf", "move {0} to the side",
        "can you pass me {0}", "can you find {0} for me", "come and take {0}", "try and find {0}",
        "go ahead and grab {0}", "turn around and look for {0}", "reach out and touch {0}",
        "be quick and bring {0}", "come here and show me {0}", "stop and pick up {0}",
        "go get {0}", "go over and fetch {0}", "i want you to find {0}", "you should take {0}",
        "help me with {0}", "let me see {0}", "may i see {0}", "i would like you to get {0}",
        "tell me where {0} is", "show us {0}", "we need {0}", "give {0} to me",
    ),
    "val": (
        "could you get me {0}", "would you hand {0} to me", "find and take {0}", "go and take {0}",
        "can you point at {0}", "i want to have {0}", "show me where {0} is", "you should get {0}",
        "let me get {0}", "i am looking at {0}",
    ),
    "test": (
        "could you give me {0}", "would you grab {0}", "please fetch me {0}", "can you find {0}",
        "can you bring {0}", "i would like you to take {0}", "go and get {0}", "locate {0}",
        "show {0} to me", "help me find {0}", "i want you to pick up {0}", "may i have {0}",
        "go and find {0}", "let me have {0}",
    ),
}  # fmt: skip
"""The sentences around a noun phrase."""

HOMOPHONES = {
    "red": "read",
    "blue": "blew",
    "right": "write",
    "ball": "bawl",
    "plate": "plait",
    "mug": "mugg",
    "can": "ken",
    "bowl": "bowel",
    "grey": "great",
    "tray": "trey",
}
"""What a speech recogniser may write instead."""

"""Templates that ask for a place, a part or several things, or forbid one, by phrasing.

No two phrasings share a template, as in `ppcr_lab.sim.vocabulary`. ``{x}`` is what is meant, with
its article; ``{y}`` what must be left alone, or the place; ``{np}`` and ``{nps}`` a noun phrase
without an article, of one and of several; ``{rel}`` a preposition.
"""

from __future__ import annotations

from ppcr_lab.sim.vocabulary import Templates

PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "in": ("in", "in", "into", "inside"),
    "on": ("on", "on", "onto", "on top of"),
    "left of": ("left of", "to the left of", "on the left side of"),
    "right of": ("right of", "to the right of", "on the right side of"),
    "in front of": ("in front of",),
    "behind": ("behind",),
    "next to": ("next to", "beside", "near", "close to"),
}

DESTINATION_TEMPLATES: Templates = {
    "train": (
        "put {x} {rel} {y}",
        "put {x} {rel} {y}",
        "place {x} {rel} {y}",
        "set {x} {rel} {y}",
        "move {x} {rel} {y}",
        "please put {x} {rel} {y}",
        "can you put {x} {rel} {y}",
        "take {x} and put it {rel} {y}",
        "grab {x} and place it {rel} {y}",
        "i want you to put {x} {rel} {y}",
        "{rel} {y} put {x}",
        "drop {x} {rel} {y}",
    ),
    "val": ("would you place {x} {rel} {y}", "get {x} and set it {rel} {y}", "lay {x} {rel} {y}"),
    "test": (
        "could you put {x} {rel} {y}",
        "pick up {x} and put it {rel} {y}",
        "please place {x} {rel} {y}",
        "i would like you to put {x} {rel} {y}",
        "{x} should go {rel} {y}",
        "pick {x} up and place it {rel} {y}",
    ),
}

PROHIBITION_TEMPLATES: Templates = {
    "train": (
        "don't touch {x}",
        "do not touch {x}",
        "don't take {x}",
        "do not pick up {x}",
        "never touch {x}",
        "leave {x} alone",
        "leave {x} where it is",
        "keep away from {x}",
        "hands off {x}",
        "you must not move {x}",
        "stay away from {x}",
        "avoid {x}",
        "let {x} be",
        "{x} must stay where it is",
        "i don't want {x}",
        "please don't move {x}",
        "nobody touches {x}",
        "{x} is off limits",
        "stop touching {x}",
        "ignore {x}",
        "no touching {x}",
        "dont touch {x}",
        "do not ever grab {x}",
    ),
    "val": ("you should not touch {x}", "leave {x} in peace", "do not go near {x}"),
    "test": (
        "please leave {x} where it is",
        "you shouldn't move {x}",
        "make sure not to touch {x}",
        "whatever you do don't touch {x}",
        "{x} stays where it is",
        "keep your hands off {x}",
        "do not lift {x}",
        "don't go near {x}",
        "never ever pick {x} up",
        "under no circumstances take {x}",
        "i do not need {x}",
        "{x} is not to be touched",
        "{x}, don't touch it",
        "see {x}? leave it",
        "nothing must happen to {x}",
        "we don't want you to take {x}",
        "it is forbidden to touch {x}",
        "you may not take {x}",
        "can you not touch {x}",
        "don't you dare touch {x}",
    ),
}

CORRECTION_TEMPLATES: Templates = {
    "train": (
        "don't take {y}, take {x}",
        "do not take {y}, take {x}",
        "not {y}, {x}",
        "take {x}, not {y}",
        "take {x} instead of {y}",
        "leave {y} and take {x}",
        "don't touch {y} but take {x}",
        "i want {x} and not {y}",
        "take {x} but leave {y} where it is",
        "take {x} and don't touch {y}",
        "instead of {y} take {x}",
    ),
    "val": ("avoid {y}, get {x}", "rather than {y} take {x}"),
    "test": (
        "don't touch {y}, give me {x}",
        "i don't want {y}, i want {x}",
        "get {x} and leave {y} alone",
        "not {y} but {x}",
        "bring me {x} instead of {y}",
        "forget {y}, grab {x}",
        "take {x} without touching {y}",
        "do not pick up {y}, pick up {x} instead",
    ),
}

PART_WORDS: dict[str, tuple[str, ...]] = {
    "mug": ("handle", "handle", "rim"),
    "bottle": ("cap", "cap", "neck"),
    "bowl": ("rim", "edge"),
    "plate": ("rim", "edge"),
    "tray": ("rim", "edge", "side"),
}
PART_TEMPLATES: Templates = {
    "train": (
        "the {part} of {x}",
        "the {part} of {x}",
        "{x} by the {part}",
        "{x} at the {part}",
        "the {part} on {x}",
    ),
    "val": ("that {part} of {x}",),
    "test": ("the {part} of {x}", "{x} by its {part}"),
}
"""Inside a sentence of ``vocabulary.WRAPS``, whose phrasings differ."""

SEVERAL_TEMPLATES: Templates = {
    "train": (
        "all the {nps}",
        "all the {nps}",
        "all {nps}",
        "every {np}",
        "all of the {nps}",
        "the {number} {nps}",
        "both {nps}",
        "each {np}",
    ),
    "val": ("every single {np}", "all of these {nps}"),
    "test": (
        "all these {nps}",
        "all {number} {nps}",
        "the {number} {nps}",
        "both of the {nps}",
        "each of the {nps}",
        "every one of the {nps}",
    ),
}
PAIR_TEMPLATES: Templates = {
    "train": ("{x} and {y}", "both {x} and {y}"),
    "val": ("{x} and also {y}",),
    "test": ("{x} and {y}", "both {x} and {y}", "{x} as well as {y}"),
}

NOTHING_TEMPLATES: Templates = {
    "train": (
        "{question} {verb} {who}",
        "{question} {verb} {who} {adverb}",
        "{verb} {who} {state}",
        "{call}",
        "{call}",
        "{who} {verb} {state}",
        "{call}, {who} {verb} {state} {adverb}",
        "{call} {adverb}",
    ),
    "val": ("{verb} {who} {state} {adverb}",),
    "test": ("{question} {verb} {who} {state}", "{call}, {call}", "{who} {verb} {state} {adverb}"),
}
NOTHING_WORDS: dict[str, tuple[str, ...]] = {
    "question": ("where", "who", "how", "why", "what", "when"),
    "verb": ("am", "are", "is", "was", "were", "do", "does", "can", "will", "should"),
    "who": ("i", "you", "we", "they", "my sister", "the weather", "he", "she", "it", "your boss"),
    "adverb": ("today", "now", "again", "here", "tonight", "there", "later", "anyway", "at all"),
    "state": (
        "ready", "tired", "happy", "there", "working", "going", "done", "hungry", "listening",
        "coming", "fine", "called", "thinking", "late", "on time", "sure",
    ),
    "call": (
        "cancel", "stop", "never mind", "thank you", "thanks a lot", "hello", "good morning",
        "okay", "yes", "no", "hey robot", "wait", "help", "sorry", "well done", "abort",
        "forget it",
        "be quiet", "go home", "turn around", "come here", "good job", "bye",
    ),
}  # fmt: skip

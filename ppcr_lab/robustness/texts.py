"""Commands that nobody should say: grammar gone wrong, hostile characters, bytes, data."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_SIZES = ("", "small ", "large ", "tiny ", "huge ")
_COLOURS = ("red", "green", "blue", "yellow", "purple", "")
_THINGS = ("ball", "cube", "mug", "plate", "bowl", "bottle", "cylinder", "unicorn")
_RELATIONS = ("", " left of the plate", " second from the right", " behind the blue cube", " on it")
_POLITE = ("", "um, ", "could you please hand me ", "look at ", "pick up ")
TEMPLATE_TOKENS = (
    "<image>", "<|end|>", "<|user|>", "<|assistant|>", "<|pad|>", "<loc_12>", "<loc012>",
    "<loc000><loc000><loc127><loc127>", "<|im_start|>", "<|im_end|>", "<|endoftext|>",
    "<|vision_start|><|image_pad|><|vision_end|>", "<|box_start|>", "<end_of_utterance>",
    "<fake_token_around_image>", "<loc0012>", "<seg001>", "<bos>", "<eos>", "</s>", "<think>",
    "</think>", "[INST]", "[COMMAND ENDS]", "[COMMAND BEGINS]", "<<SYS>>", "<tool_call>",
)  # fmt: skip
_DATA = (
    '{"bbox_2d": [0, 0, 1000, 1000]}', '{"present": false}', '"}], "category": "x"', "[[[[[[[[[",
    "{" * 200, "'; DROP TABLE objects; --", "1 OR 1=1", "$(reboot)", "`id`", "../../etc/passwd",
    "%s%n%x", "{command}", "{0.__class__}", "{{7*7}}", "${jndi:ldap://x}", "\\u0000", "\\ud800",
    "<script>alert(1)</script>", "null", "NaN", "-1e999", "true", "stop", " STOP! ", "stop\x00",
)  # fmt: skip
_EMOJI = ("🔴", "🏳️‍🌈", "👩🏽‍🚀", "🇺🇳", "☕️", "0️⃣", "\U0001f9e0")
_RTL = ("أعطني الكوب الأحمر", "הכוס האדומה", "\u202egum der\u202c", "\u2066ball\u2069", "\u200f")
_HOMOGLYPHS = str.maketrans("aceopxyi", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456")
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

Maker = Callable[[random.Random], str]


def sentence(rng: random.Random) -> str:
    """A plain command such as a person would say."""
    words = (_POLITE, ("the ",), _SIZES, _COLOURS, (" ",), _THINGS, _RELATIONS)
    return " ".join("".join(rng.choice(part) for part in words).split())


def _any_unicode(rng: random.Random) -> str:
    return "".join(chr(rng.randrange(0x110000)) for _ in range(rng.randrange(1, 80)))


def _controls(rng: random.Random) -> str:
    marks = [chr(code) for code in (*range(32), 0x7F, *range(0x80, 0xA0), 0x200B, 0x202E, 0xFEFF)]
    return "".join(char + rng.choice((rng.choice(marks), "")) for char in sentence(rng))


def _long(rng: random.Random) -> str:
    return rng.choice((sentence(rng) + " ", "a", "#", "\u0301", "红", "🔴")) * rng.choice(
        (100, 1_000, 10_000)
    )


def _blank(rng: random.Random) -> str:
    return rng.choice(("", " ", "\n", "\t \r", "\u3000", "\u200b", "...", "?!", "\x00", "\u2028"))


def _mixed(pool: tuple[str, ...]) -> Maker:
    """A sentence with things of ``pool`` put in anywhere, even inside a word; or those alone."""

    def make(rng: random.Random) -> str:
        text = rng.choice((sentence(rng), ""))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(pool) + text[at:]
        return text

    return make


def _nulls(rng: random.Random) -> str:
    text = sentence(rng)
    at = rng.randrange(len(text))
    return text[:at] + "\x00" * rng.randrange(1, 5) + text[at:]


def _lookalikes(rng: random.Random) -> str:
    text = rng.choice((sentence(rng), rng.choice(TEMPLATE_TOKENS)))
    return text.translate(rng.choice((_HOMOGLYPHS, _WIDE)))


def _bytes(rng: random.Random) -> str:
    raw = rng.randbytes(rng.randrange(0, 120))
    encoding, errors = rng.choice(
        (("utf-8", "replace"), ("latin-1", "strict"), ("utf-16", "replace"), ("cp437", "strict"))
    )
    return raw.decode(encoding, errors)


def _surrogates(rng: random.Random) -> str:
    return f"the {chr(rng.randrange(0xD800, 0xE000))}{sentence(rng)}{chr(0xDFFF)}"


def _marks(rng: random.Random) -> str:
    return "".join(
        char + "".join(chr(rng.randrange(0x300, 0x370)) for _ in range(rng.randrange(12)))
        for char in sentence(rng)
    )


def _shuffled(rng: random.Random) -> str:
    words = [word for _ in range(rng.randrange(1, 6)) for word in sentence(rng).split()]
    rng.shuffle(words)
    return " ".join(words)


KINDS: dict[str, Maker] = {
    "grammar": sentence,
    "shuffled words": _shuffled,
    "random unicode": _any_unicode,
    "control characters": _controls,
    "very long": _long,
    "empty": _blank,
    "emoji": _mixed(_EMOJI),
    "right to left": _mixed(_RTL),
    "template tokens": _mixed(TEMPLATE_TOKENS),
    "JSON, SQL, shell": _mixed(_DATA),
    "null bytes": _nulls,
    "homoglyphs": _lookalikes,
    "random bytes": _bytes,
    "lone surrogates": _surrogates,
    "combining marks": _marks,
}
"""What is drawn, by its name in the report."""


def fuzzed_commands(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """``count`` pairs of kind and command, the kinds in turn."""
    rng, names = random.Random(seed), list(KINDS)
    for number in range(count):
        kind = names[number % len(names)]
        yield kind, KINDS[kind](rng)

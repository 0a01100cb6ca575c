# ruff: noqa: RUF001 - full-width signs look like others
"""JSON as MLLMs write it: Python's spelling, comments, full-width signs, stray quotes."""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from typing import Any

_MAX_DEPTH, _MAX_REQUOTED = 16, 2000
_STRING = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
_COMMENT = r"//[^\n]*|/\*.{0,200}?\*/"
_SKIPPED = re.compile(rf"{_STRING}|{_COMMENT}", re.S)
_WORD = re.compile(
    rf"(?P<string>{_STRING})|(?P<comment>{_COMMENT})|(?P<key>[A-Za-z_]\w*)(?=\s*:)|"
    r"(?P<word>-?[A-Za-z_]\w*)",
    re.S,
)
_LOOSELY_QUOTED = re.compile(
    r"(?<=[{\[,:])(?P<space>\s*)(?P<quote>[\"'])(?P<text>.*?)(?P=quote)(?=\s*[,:}\]])", re.S
)
_SPACED = re.compile(r"\[\s*[\d.]{1,9}(?:\s+[\d.]{1,9}){3}\s*\]")
_ESCAPE = re.compile(r"\\(.)", re.S)
# A number that is not finite is read as one, and refused later: it is not the same as null.
_WORDS = {
    "true": "True", "false": "False", "null": "None", "none": "None", "nil": "None",
    "undefined": "None",
    "nan": "1e999", "infinity": "1e999", "inf": "1e999", "-infinity": "-1e999", "-inf": "-1e999",
}  # fmt: skip
_SAID_ONCE = ("category", "intent")
"""Keys whose words count each time that they are written."""
_WIDE = str.maketrans("［］｛｝（）：，－．、،", "[]{}():,-.,,")
_WIDE_OUTSIDE = re.compile(rf"{_STRING}|[［］｛｝（）：，－．、،]|[^\W\x00-\x7f]", re.S)


def plain_signs(text: str) -> str:
    """``text`` with ASCII's digits, brackets, colons and commas for those of other scripts.

    What stands in strings stays. JSON that stands in a string is taken out of it.

    >>> plain_signs(chr(0xFF3B) + chr(0xFF15) + ", 6]")
    '[5, 6]'
    """
    text = _unwrapped(text)
    return text if text.isascii() else _WIDE_OUTSIDE.sub(_narrow, text)


def _unwrapped(text: str) -> str:
    bare = text.strip()
    if bare.startswith('"') and bare.endswith('"') and '\\"' in bare:
        bare = bare[1:-1]
    return bare.replace('\\"', '"') if '\\"' in bare and not re.search(r'(?<!\\)"', bare) else text


def _narrow(match: re.Match[str]) -> str:
    sign = match.group()
    if sign[0] in "\"'":
        return sign
    return str(unicodedata.decimal(sign)) if sign.isdecimal() else sign.translate(_WIDE)


def matching_end(text: str, start: int) -> int | None:
    """One past the bracket that closes the one at ``start``; not in strings or comments."""
    closes: list[str] = []
    position = start
    while position < len(text):
        char = text[position]
        if char in "\"'/" and (skipped := _SKIPPED.match(text, position)):
            position = skipped.end()
            continue
        if char in "{[":
            closes.append("}" if char == "{" else "]")
            if len(closes) > _MAX_DEPTH:
                return None
        elif char in "}]":
            if closes.pop() != char:
                return None
            if not closes:
                return position + 1
        position += 1
    return None


def comments_in(snippet: str) -> list[str]:
    """The words of the comments in JSON."""
    skipped = (match.group() for match in _SKIPPED.finditer(snippet))
    return [words.strip("/* ") for words in skipped if words.startswith("/")]


def decoded(snippet: str) -> Any | None:
    """A dict or list, from JSON or from what is nearly so; None where it is neither."""
    if _SPACED.fullmatch(snippet):
        snippet = "[" + ",".join(snippet[1:-1].split()) + "]"
    value = _strictly(snippet) or _as_literal(snippet)
    if value is None and len(snippet) <= _MAX_REQUOTED:
        value = _as_literal(_LOOSELY_QUOTED.sub(_requoted, snippet))
    return value if isinstance(value, (dict, list)) else None


def _strictly(snippet: str) -> Any | None:
    try:
        return json.loads(snippet, object_pairs_hook=_joined)
    except (ValueError, RecursionError):
        return None


def _as_literal(snippet: str) -> Any | None:
    try:
        return _literal(ast.parse(_WORD.sub(_pythonic, snippet), mode="eval").body)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _requoted(match: re.Match[str]) -> str:
    text = match["text"]
    return match["space"] + json.dumps(text.replace("\\" + match["quote"], match["quote"]))


def _joined(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """An object; what stands under a key that is written again is one list: none is lost.

    Of other words and numbers under it the first counts.
    """
    fields: dict[Any, Any] = {}
    repeated: set[Any] = set()
    for key, value in pairs:
        if key not in fields:
            fields[key] = value
        elif key not in repeated and fields[key] == value:
            continue
        elif key in repeated or all(_counts(key, each) for each in (fields[key], value)):
            fields[key] = [*(fields[key] if key in repeated else [fields[key]]), value]
            repeated.add(key)
    return fields


def _counts(key: Any, value: Any) -> bool:
    """Whether a value of a key that is written again may contradict the others."""
    return value is None or isinstance(value, (bool, list, dict)) or key in _SAID_ONCE


def _literal(node: ast.expr) -> Any:
    """What an expression of literals spells."""
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = [_literal(key) for key in node.keys if key is not None]
        return _joined(list(zip(keys, map(_literal, node.values), strict=True)))
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)


def _pythonic(match: re.Match[str]) -> str:
    if match["string"] is not None:
        return _ESCAPE.sub(_known_escape, match["string"])
    if match["comment"] is not None:
        return " "
    if match["key"] is not None:
        return json.dumps(match["key"])
    return _WORDS.get(match["word"].casefold(), match["word"])


def _known_escape(match: re.Match[str]) -> str:
    return match.group() if match[1] in "\\\"'nrtbfu" else match[1]

"""Text from outside on its way to a log, a terminal, Markdown, a picture or a file name.

Frame ids, encodings, answers of models and hubs, names in files: whoever wrote them may have put in
escape sequences that paint over the terminal, line breaks that forge a line of the log, or signs
that turn the direction of what follows. All of it goes through here.
"""

from __future__ import annotations

import re

_CONTINUED = "\n  | "
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_MARKDOWN = re.compile(r"([\\`*{}\[\]<>|#~&]|(?<![^\W_])_|_(?![^\W_]))")
"""Signs that mean something; a line within a word, as in ``ppcr_tiny``, does not."""


def printable(text: str) -> str:
    """``text`` in one line: what is no visible character stands there as its escape, ``\\u001b``.

    Line breaks, controls, bidirectional marks, lone surrogates and every space but the plain one
    are escaped; the escape is that of JSON, so that JSON stays what it was.

    >>> printable("camera" + chr(10) + "[INFO] all is well" + chr(27) + "[2J")
    'camera\\\\u000a[INFO] all is well\\\\u001b[2J'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escape(sign) for sign in text)


def printable_lines(text: str, line_break: str = "\n") -> str:
    """``text`` with each line made `printable`; tabs stay.

    Args:
        text: of any number of lines.
        line_break: what stands between two of them.
    """
    if text.isprintable():
        return text
    lines = text.split("\n")
    return line_break.join("\t".join(map(printable, line.split("\t"))) for line in lines)


def log_text(text: str) -> str:
    """``text`` for a log: what follows a line break cannot be taken for a line of its own."""
    return printable_lines(text, _CONTINUED)


def markdown_text(text: str) -> str:
    """``text`` for a paragraph or a table's cell of Markdown, where it means nothing but itself.

    >>> markdown_text("ppcr_tiny | _so_")
    'ppcr_tiny \\\\| \\\\_so\\\\_'
    """
    return _MARKDOWN.sub(r"\\\1", printable(text))


def markdown_code(text: str) -> str:
    """``text`` as code in a paragraph of Markdown, whatever stands in it.

    >>> markdown_code("a `b`")
    '`` a `b` ``'
    """
    line = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if len(fence) > 1 or not line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}"


def file_name(text: str, longest: int = 80) -> str:
    """``text`` as a part of a file's name: letters, digits, dots, lines; never empty or hidden."""
    return _NO_FILE_NAME.sub("_", text)[:longest].lstrip(".-") or "unnamed"


def _escape(sign: str) -> str:
    code = ord(sign)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"

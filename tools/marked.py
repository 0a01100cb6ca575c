"""Places in a page that are written by a program, between two marks."""

from __future__ import annotations


def between_marks(page: str, begin: str, end: str, text: str) -> str:
    """``page`` with ``text`` on lines of its own between its marks.

    Raises:
        ValueError: when a mark is missing.
    """
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"the page lacks {begin} or {end}.")
    return f"{before}{begin}\n{text}\n{end}{after}"

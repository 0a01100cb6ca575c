"""Sections of a Markdown page that a program writes, each between two marks of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ppcr_ros.commands.output import OutputError, write_text


@dataclass(frozen=True)
class Marks:
    """The two lines between which a section stands.

    Attributes:
        begin: the line before it.
        end: the line after it.
        what: what the section is, for a message.
    """

    begin: str
    end: str
    what: str

    @classmethod
    def named(cls, name: str, what: str) -> Marks:
        """``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``, which no reader of the page sees."""
        return cls(f"<!-- {name}:begin -->", f"<!-- {name}:end -->", what)


def put_into(page: Path, section: str, marks: Marks, *, append: bool = False) -> None:
    """Replace what stands between ``marks`` in ``page``; a page that is not there gets both.

    Raises:
        OutputError: as `place_in`, or when the page cannot be written.
    """
    before, after = place_in(page, marks, append=append)
    write_text(page, f"{before}{marks.begin}\n\n{section}\n{marks.end}{after}")


def place_in(page: Path, marks: Marks, *, append: bool = False) -> tuple[str, str]:
    """What stands before and after ``marks`` in ``page``; nothing in one that is not there.

    Args:
        page: the file.
        marks: of the section.
        append: whether the section may go to the end of a page that has neither mark.

    Raises:
        OutputError: when the page cannot be read, or lacks a mark.
    """
    try:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
    except OSError as error:
        raise OutputError(f"cannot read {page}: {error.strerror or error}.") from error
    if not text or (append and marks.begin not in text and marks.end not in text):
        return (text.rstrip("\n") + "\n\n" if text else ""), "\n"
    before, begin, rest = text.partition(marks.begin)
    _, end, after = rest.partition(marks.end)
    if not begin or not end:
        raise OutputError(
            f"{page} has no place for {marks.what}; expected a line {marks.begin} and after it a "
            f"line {marks.end}{', or neither' * append}."
        )
    return before, after

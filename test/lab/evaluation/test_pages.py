"""Sections of a page: each between its own marks, and nothing else of the page changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppcr_lab.evaluation.pages import Marks, place_in, put_into
from ppcr_ros.commands.output import OutputError

MARKS, OTHERS = Marks.named("one", "the first"), Marks.named("two", "the second")
BEGIN, END = MARKS.begin, MARKS.end


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


@pytest.mark.parametrize("append", [True, False])
def test_a_section_takes_the_place_of_the_one_before(page: Path, append: bool) -> None:
    page.write_text(f"# Top\n\n{BEGIN}\nold\n{END}\n\n## After\n", encoding="utf-8")
    put_into(page, "new\n", MARKS, append=append)
    assert page.read_text(encoding="utf-8") == f"# Top\n\n{BEGIN}\n\nnew\n\n{END}\n\n## After\n"


@pytest.mark.parametrize("append", [True, False])
def test_a_page_that_is_not_there_is_made(page: Path, append: bool) -> None:
    put_into(page, "section\n", MARKS, append=append)
    assert page.read_text(encoding="utf-8") == f"{BEGIN}\n\nsection\n\n{END}\n"


def test_a_page_without_the_marks_gets_them_at_its_end_where_it_may(page: Path) -> None:
    page.write_text("# Top\n", encoding="utf-8")
    for section in ("one\n", "two\n"):
        put_into(page, section, MARKS, append=True)
    assert page.read_text(encoding="utf-8") == f"# Top\n\n{BEGIN}\n\ntwo\n\n{END}\n"


@pytest.mark.parametrize(
    ("text", "append"),
    [
        ("# Top\n", False),
        (f"# Top\n{BEGIN}\n", True),
        (f"# Top\n{BEGIN}\n", False),
        (f"# Top\n{END}\n", True),
        (f"{END}\n{BEGIN}\n", True),
    ],
)
def test_a_page_without_the_place_is_left_as_it_is(page: Path, text: str, append: bool) -> None:
    page.write_text(text, encoding="utf-8")
    with pytest.raises(OutputError, match="has no place for the first; expected a line <!-- one"):
        place_in(page, MARKS, append=append)
    with pytest.raises(OutputError, match="no place for the first"):
        put_into(page, "new\n", MARKS, append=append)
    assert page.read_text(encoding="utf-8") == text


def test_each_section_has_marks_of_its_own(page: Path) -> None:
    page.write_text(f"# Top\n\n{BEGIN}\nold\n{END}\n", encoding="utf-8")
    put_into(page, "curves\n", OTHERS, append=True)
    put_into(page, "new\n", MARKS, append=True)
    put_into(page, "more curves\n", OTHERS, append=True)
    text = page.read_text(encoding="utf-8")
    first = f"# Top\n\n{BEGIN}\n\nnew\n\n{END}\n"
    assert text == f"{first}\n{OTHERS.begin}\n\nmore curves\n\n{OTHERS.end}\n"

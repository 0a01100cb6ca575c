"""Documents made to be misread, or never to be read to their end; refused within a second."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ppcr_ros.core import documents
from ppcr_ros.core.documents import DocumentError, parse_json, parse_yaml, read_json


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    begun = time.process_time()
    yield
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "nests deeper"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "nests deeper"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands there twice"),
        ("1" * 500, "has 500 digits"),
        ("-" + "9" * 100_000, "digits"),
        ("1e999", "too large"),
        ("[1, 2", "no JSON"),
        ("", "no JSON"),
        ("\x00", "no JSON"),
    ],
)
def test_json_that_is_refused(text: str, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        parse_json(text)


def test_json_that_is_read() -> None:
    text = '{"a": [1, -2.5, true, null], "b": "[[[[{{\\"", "c": {"d": {}}}'
    assert parse_json(text) == {"a": [1, -2.5, True, None], "b": '[[[[{{"', "c": {"d": {}}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "nests deeper"),
        ("- " * 5_000, "nests deeper"),
        ("".join(f"{' ' * level}a:\n" for level in range(200)), "nests deeper"),
        ("a: &a [*a]", "anchor or alias"),
        ("a: &a 1\nb: *a", "anchor or alias"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "anchor or alias"),
        ("a: 1\nb: 2\na: 3", "'a' stands there twice, the second time in line 3"),
        ("a: {b: 1, b: 2}", "'b' stands there twice"),
        (f"a: {'1' * 500}", "a number of 500 digits"),
        (f"a: {'1' * 5_000}", "a word of 5000 characters"),
        (f"a: {':'.join(['59'] * 300)}", "a number of 600 digits"),
        ("a: 2001-99-99", "no YAML"),
        ("a: !!python/object:os.system x", "no YAML"),
        ("a: 1\n--- \nb: 2", "no YAML"),
        ("? [a, b]\n: 1", "no YAML"),
        ("a: 1\n\tb: 2", "no YAML"),
        ("a: \x1b[31m", "no YAML"),
        ("x" * (documents.LONGEST_YAML_CHARS + 1), "characters; expected"),
    ],
)
def test_yaml_that_is_refused(text: str, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        parse_yaml(text)


def test_yaml_that_is_read() -> None:
    text = "a: {b: 1, c: -2.5}\nd: 'word'\ne:\n- 1\n- true\nf:\ng: sha256-0123456789abcdef\n"
    assert parse_yaml(text) == {
        "a": {"b": 1, "c": -2.5},
        "d": "word",
        "e": [1, True],
        "f": None,
        "g": "sha256-0123456789abcdef",
    }


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to a device"])
def test_what_is_no_file_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero") if kind == "device" else path
        if kind != "device":
            path.symlink_to("/dev/zero")
    with pytest.raises(DocumentError, match=f"is a (named )?{kind.split()[-1]}; expected a file"):
        read_json(path)


def test_a_file_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.json"
    path.write_text(" " * 101)
    with pytest.raises(DocumentError, match="more than 100 bytes"):
        documents.read_text(path, 100)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(DocumentError, match="no text in UTF-8"):
        read_json(path)

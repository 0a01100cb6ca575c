"""Paths that nothing can have."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppcr_ros.core.paths import PathError, usable_path


def test_the_home_folder_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/robot")
    assert usable_path("~/bags") == Path("/home/robot/bags")
    assert usable_path("no/such/folder") == Path("no/such/folder")


@pytest.mark.parametrize("text", ["~/bags", "~nobody-of-this-name/bags"])
def test_a_home_that_is_not_there(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("uid")))
    with pytest.raises(PathError, match=r"record.folder is .*there is no home folder for its ~"):
        usable_path(text, "record.folder")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x" * 300, "too long for a path"),
        ("a/" * 3_000, "too long for a path"),
        ("a\x00b", "which no path can be"),
        ("a\ud800b", "which no path can be"),
    ],
)
def test_a_path_that_cannot_be(text: str, told: str) -> None:
    with pytest.raises(PathError, match=told):
        usable_path(text)


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(PathError, match="a link that leads to itself"):
        usable_path(tmp_path / "loop")

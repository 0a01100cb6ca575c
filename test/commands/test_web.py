"""``ppcr web``: what keeps a page from being served is said, with what to do."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ppcr_ros.cli import main
from ppcr_ros.commands.web import still_pictures

Say = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs ``ppcr web`` with further arguments; gives what it says of its failure."""
    monkeypatch.delenv("PPCR_WEB_TOKEN", raising=False)

    def run(*arguments: str) -> str:
        assert main(["web", *arguments]) == 2
        return capsys.readouterr().err

    return run


def test_without_the_library_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nicegui", None)
    assert main(["web"]) == 2
    error = capsys.readouterr().err
    assert "the page needs NiceGUI" in error
    assert "pip install 'nicegui>=3.18,<4'" in error


@pytest.mark.usefixtures("needs_library")
class TestWithTheLibrary:
    def test_an_address_for_others_needs_a_token(self, said: Say) -> None:
        assert "needs a token. Make one: " in said("--host", "0.0.0.0")

    def test_a_port_that_is_taken_is_named(self, said: Say, image: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            text = said("--port", port, "--images", str(image.parent))
        assert f"cannot listen on 127.0.0.1 port {port}: " in text
        assert "Give another one with --port" in text

    def test_a_folder_without_pictures_is_named(self, said: Say, tmp_path: Path) -> None:
        text = said("--images", str(tmp_path))
        assert f"{tmp_path} has no JPEG or PNG file" in text

    def test_a_node_has_a_configuration_of_its_own(self, said: Say) -> None:
        text = said("--node", "/ppcr", "--config", "desktop_gpu")
        assert "a running node has its own" in text


@pytest.fixture
def needs_library() -> None:
    pytest.importorskip("nicegui", reason="needs NiceGUI (pip install -r requirements/web.txt)")


def test_the_recorded_frames_come_with_what_may_be_said_about_them() -> None:
    pictures = still_pictures(None, 10_000_000)
    assert len(pictures) >= 10
    first = pictures[0]
    assert first.frame.rgb.shape == (480, 640, 3)
    assert first.frame.depth_m is not None
    assert 0.2 < float(first.frame.depth_m[240, 320]) < 5.0, "metres"
    assert "the pink ball in the bowl" in first.examples[0]


def test_pictures_of_a_folder_come_in_the_order_of_their_names(image: Path) -> None:
    image.rename(image.with_name("b.png"))
    (image.parent / "a.png").write_bytes(image.with_name("b.png").read_bytes())
    (image.parent / "notes.txt").write_text("no picture", encoding="utf-8")
    names = [item.frame.frame_id for item in still_pictures(image.parent, 1_000_000)]
    assert names == ["a.png", "b.png"]

"""The troubleshooting page says what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ppcr_ros.camera.encodings import COLOUR_FORMATS, DEPTH_ENCODINGS
from ppcr_ros.health.finding_catalog import KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"


def test_the_page_is_what_the_generator_writes(tmp_path: Path) -> None:
    fresh = tmp_path / "page.md"
    fresh.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "tools.troubleshooting", fresh], cwd=ROOT, check=True)
    written = PAGE.read_text(encoding="utf-8")
    assert written == fresh.read_text(encoding="utf-8"), "run `make config`"


def test_every_kind_of_finding_has_one_row() -> None:
    rows = re.findall(r"^\| .* (NOTE|WARN|ERROR) `(\w+)` \|$", PAGE.read_text("utf-8"), re.M)
    assert rows == [(kind.level.name, kind.code) for kind in KINDS]


def test_no_row_has_an_open_place_left() -> None:
    assert "{" not in PAGE.read_text(encoding="utf-8").partition("<!-- findings:begin")[2]


@pytest.mark.parametrize("name", [*COLOUR_FORMATS, *DEPTH_ENCODINGS])
def test_every_encoding_is_named(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## Encodings")[2]
    if name.startswith("bayer_"):
        assert "Bayer" in text
    elif name in {"rgb16", "bgr16", "rgba16", "bgra16"}:
        assert "16-bit forms" in text
    else:
        assert name in text

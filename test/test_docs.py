"""Documentation whose examples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ppcr_ros.core.config import Config, flatten
from ppcr_ros.core.types import Status

PAGE = Path(__file__).resolve().parents[1] / "docs" / "interfaces.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_parameters_that_the_page_names_exist(page: str) -> None:
    named = set(re.findall(r"`((?:mllm|segmenter|pipeline|node)\.\w+)`", page))
    assert "node.fallback_config" in named
    assert named <= set(flatten(Config()))


def test_every_status_is_explained(page: str) -> None:
    statuses = page.split("## Statuses")[1].split("##")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", statuses, re.M)) == {status.name for status in Status}


def test_the_shipped_fallback_that_it_names_exists(page: str) -> None:
    (name,) = re.findall(r"`config` folder \(`(\w+)`\)", page)
    assert (PAGE.parents[1] / "config" / f"{name}.yaml").is_file()

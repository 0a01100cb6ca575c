"""Processes that are quick to start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Has this program run wherever Python is started."""

    def use(program: str) -> None:
        script = tmp_path / "python"
        script.write_text(f"#!{sys.executable}\n{program}\n", encoding="utf-8")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))

    return use

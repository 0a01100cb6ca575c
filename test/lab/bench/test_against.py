"""Two checkouts in processes of their own, on the same commands in turn."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ppcr_lab.bench import against
from ppcr_lab.bench.comparison import Sample
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Frame

PIPELINE = """
import time
from contextlib import contextmanager

class Pipeline:
    def read(self, frame):
        return ("read", frame)

    def run(self, frame, command):
        if not isinstance(frame, tuple):
            time.sleep({seconds})
            frame.rgb.shape
        return type("Result", (), {{"segmentation": None if command == "nothing" else 1}})()

@contextmanager
def build_pipeline(config):
    yield Pipeline()
"""


def checkout(folder: Path, pipeline: str) -> Path:
    """A folder with as much of the package as a side needs."""
    for name in ("", "core", "models"):
        (folder / "ppcr_ros" / name).mkdir(parents=True)
        (folder / "ppcr_ros" / name / "__init__.py").write_text("", encoding="utf-8")
    written = {
        "core/config.py": "class Config: pass",
        "core/types.py": "class Frame: pass",
        "models/factory.py": pipeline,
    }
    for name, text in written.items():
        (folder / "ppcr_ros" / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = checkout(tmp_path / "own", PIPELINE.format(seconds=0.01))
    package = SimpleNamespace(__file__=str(folder / "ppcr_ros" / "__init__.py"))
    monkeypatch.setattr(against, "ppcr_ros", package)
    return folder


def samples(*commands: str) -> list[Sample]:
    frame = Frame(rgb=np.zeros((4, 4, 3), np.uint8))
    return [Sample(command, frame, command) for command in commands]


def test_pairs_are_kept_of_commands_that_lead_to_a_mask(own: Path, tmp_path: Path) -> None:
    other = checkout(tmp_path / "other", PIPELINE.format(seconds=0.05))
    found = against.turns(samples("a", "nothing", "b", "c"), other)
    assert len(found.seconds) == len(found.ahead_seconds) == 3
    ratio = found.ratio()
    assert ratio is not None
    assert ratio < 0.9
    assert all(ours >= 0.01 and theirs >= 0.05 for ours, theirs in found.seconds)
    assert all(held is not None and held > 1.0 for held in found.rss_mb)


def test_a_checkout_that_does_not_load_is_an_error(own: Path, tmp_path: Path) -> None:
    other = checkout(tmp_path / "other", "raise ImportError('not here')")
    with pytest.raises(PPCRError, match=r"ended before it had answered"):
        against.turns(samples("a"), other)

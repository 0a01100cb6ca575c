"""The curves: what is varied, and the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppcr_ros.core.types import Frame, Result, StageSeconds, Status
from ppcr_ros.evaluation.benchmark import growth

FRAME = Frame(rgb=np.zeros((48, 64, 3), np.uint8))


class Recorder:
    """A pipeline that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, int], str]] = []

    def run(self, frame: Frame, command: str) -> Result:
        self.asked.append(((frame.width_px, frame.height_px), command))
        seconds = StageSeconds(semantic=0.02, encode=0.01, total=0.03)
        return Result(Status.NOT_FOUND, command, seconds=seconds)


def test_the_image_grows_to_4k(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    points = growth.over_image_size(recorder.run, FRAME, "the ball", 2)
    assert [item.label for item in points] == ["VGA", "720p", "1080p", "1440p", "4K"]
    assert {size for size, _ in recorder.asked} == set(growth.IMAGE_SIZES_PX.values())
    assert points[-1].x == pytest.approx(8.2944)
    assert points[0].total.n == 2
    assert points[0].stages == {"semantic": pytest.approx(20.0), "encode": pytest.approx(10.0)}


def test_scenes_are_sorted_by_their_objects() -> None:
    scenes = [(5, FRAME, "a"), (2, FRAME, "b"), (5, FRAME, "c")]
    points = growth.over_objects(Recorder().run, scenes)
    assert [(item.x, item.total.n) for item in points] == [(2, 1), (5, 2)]


@pytest.mark.parametrize("chars", growth.COMMAND_CHARS)
def test_a_command_is_lengthened_and_stays_what_it_is(chars: int) -> None:
    longer = growth.lengthened("the red ball", chars)
    assert longer.endswith("the red ball")
    assert chars - 2 <= len(longer) <= chars
    assert growth.lengthened("x" * chars, chars) == "x" * chars


def test_no_command_is_longer_than_the_pipeline_takes() -> None:
    recorder = Recorder()
    points = growth.over_command_length(recorder.run, FRAME, "the ball", 1, limit_chars=100)
    assert len(points) == 3
    assert max(len(command) for _, command in recorder.asked) <= 100


def test_the_picture_and_the_table(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    run = Recorder().run
    found = growth.Growth(
        image=growth.over_image_size(run, FRAME, "the ball", 1),
        objects=growth.over_objects(run, [(2, FRAME, "a"), (3, FRAME, "b")]),
        command=growth.over_command_length(run, FRAME, "the ball", 1, limit_chars=400),
    )
    path = tmp_path / "growth.png"
    growth.plot(found, path)
    assert Image.open(path).size[0] > 1000
    rows = growth.rows(found)
    assert len(rows) == 5 + 2 + 5
    assert rows[0][:3] == ["image", "VGA", "1"]
    assert rows[0][-4:] == ["20", "-", "10", "-"]

"""The curves: what is varied, what is told of it, and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppcr_lab.bench import growth, growth_plot
from ppcr_lab.bench.growth import CameraPoint, Growth, Times
from ppcr_lab.bench.growth_report import MARKS, GrowthReport
from ppcr_lab.bench.growth_scenes import PlainScene
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Frame, Result, Segmentation, StageSeconds, Status

FRAME = Frame(rgb=np.zeros((48, 64, 3), np.uint8))
SCENES = [PlainScene(5, FRAME, "the red ball"), PlainScene(2, FRAME, "the big blue cube")]


class Recorder:
    """A pipeline that keeps what it was asked; it finds nothing of what ``lost`` names."""

    def __init__(self, lost: str = "") -> None:
        self.asked: list[tuple[tuple[int, int], str]] = []
        self.lost = lost

    def run(self, frame: Frame, command: str) -> Result:
        self.asked.append(((frame.width_px, frame.height_px), command))
        seconds = StageSeconds(semantic=0.02, encode=0.01, total=0.03)
        if self.lost and self.lost in command:
            return Result(Status.NOT_FOUND, command, seconds=seconds)
        mask = np.ones((frame.height_px, frame.width_px), bool)
        box = np.array([0, 0, frame.width_px, frame.height_px], np.float32)
        found = Segmentation(mask, 0.9, box)
        return Result(Status.OK, command, seconds=seconds, segmentation=found)


def test_times_are_three_quantiles_in_milliseconds() -> None:
    found = Times.of([0.001 * value for value in range(101)])
    assert (found.n, found.p10_ms, found.p50_ms, found.p90_ms) == pytest.approx((101, 10, 50, 90))
    with pytest.raises(ValueError, match="no times have no quantiles"):
        Times.of([])


def test_the_image_grows_to_4k() -> None:
    recorder = Recorder()
    places = growth.image_places(recorder.run, SCENES)
    points, missing = growth.curve(places, 2)
    assert [item.label for item in points] == ["VGA", "720p", "1080p", "1440p", "4K"]
    assert {size for size, _ in recorder.asked} == set(growth.IMAGE_SIZES_PX.values())
    assert points[-1].x == pytest.approx(8.2944)
    assert (points[0].runs, points[0].total.n) == (4, 4)
    assert points[0].stages == {"semantic": pytest.approx(20.0), "encode": pytest.approx(10.0)}
    assert not missing


def test_scenes_are_sorted_by_their_objects() -> None:
    scenes = [PlainScene(count, FRAME, "a ball") for count in (5, 2, 5)]
    points, _ = growth.curve(growth.object_places(Recorder().run, scenes), 1)
    assert [(item.x, item.total.n) for item in points] == [(2, 1), (5, 2)]


def test_places_take_turns_in_an_order_that_rotates() -> None:
    recorder = Recorder()
    places = growth.object_places(
        recorder.run, [PlainScene(count, FRAME, f"ball {count}") for count in (1, 2, 3)]
    )
    ticks: list[int] = []
    growth.curve(places, 3, step=lambda: ticks.append(len(recorder.asked)))
    assert [command[-1] for _, command in recorder.asked] == list("123123231312")
    assert ticks == [6, 9, 12]


@pytest.mark.parametrize("words", growth.COMMAND_WORDS)
def test_a_command_is_lengthened_and_stays_what_it_is(words: int) -> None:
    longer = growth.lengthened("the red ball", words)
    assert longer.endswith("the red ball")
    assert len(longer.split()) == words
    assert growth.lengthened("a b c d", 3) == "a b c d"


def test_no_command_is_longer_than_the_pipeline_takes() -> None:
    recorder = Recorder()
    places = growth.command_places(recorder.run, SCENES[:1], limit_chars=100)
    growth.curve(places, 1)
    assert [place.x for place in places] == [3, 6, 10, 20]
    assert max(len(command) for _, command in recorder.asked) <= 100


def test_the_default_limit_takes_the_longest() -> None:
    places = growth.command_places(Recorder().run, SCENES[:1], limit_chars=400)
    assert [place.x for place in places] == list(growth.COMMAND_WORDS)


def test_runs_without_a_mask_do_not_count_and_are_told() -> None:
    scenes = [PlainScene(1, FRAME, "a ball"), PlainScene(1, FRAME, "a unicorn"),
              PlainScene(2, FRAME, "a unicorn")]  # fmt: skip
    points, missing = growth.curve(growth.object_places(Recorder("unicorn").run, scenes), 3)
    assert [(item.label, item.runs, item.total.n) for item in points] == [("1", 6, 3)]
    assert missing == {"2": "none of 3 runs led to a mask"}


def grown() -> Growth:
    run = Recorder().run
    return Growth(
        image=growth.curve(growth.image_places(run, SCENES), 1)[0],
        objects=growth.curve(growth.object_places(run, SCENES), 1)[0],
        command=growth.curve(growth.command_places(run, SCENES[:1], limit_chars=400), 1)[0],
        cameras=[
            CameraPoint(1, Times(15, 90.0, 100.0, 120.0), 500.0, 500.0),
            CameraPoint(2, Times(15, 190.0, 200.0, 220.0), 505.0, 800.0),
        ],
    )


def test_the_picture_has_a_panel_for_each_curve(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = tmp_path / "growth.png"
    growth_plot.plot(grown(), path)
    four = Image.open(path).size
    growth_plot.plot(Growth(command=grown().command), path)
    one = Image.open(path).size
    assert four[0] > 1000
    assert one[0] < four[0]
    assert one[1] < four[1]
    path.unlink()
    growth_plot.plot(Growth(left_out={"image": "no"}), path)
    assert not path.exists()


def test_a_picture_without_memory_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    path = tmp_path / "growth.png"
    cameras = [CameraPoint(n, Times(2, 1.0, 2.0, 3.0), None, None) for n in (1, 2)]
    growth_plot.plot(Growth(cameras=cameras), path)
    assert Image.open(path).size[0] > 400


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    with pytest.raises(PPCRError, match="cannot write"):
        growth_plot.plot(grown(), tmp_path / "none" / "growth.png")


def test_the_section_has_ratios_beside_the_times() -> None:
    found = grown()
    image = [
        growth.Point(0.3, "VGA", 24, Times(24, 90.0, 100.0, 120.0), {"semantic": 70.2}),
        growth.Point(8.3, "4K", 24, Times(23, 150.0, 175.0, 190.0), {"semantic": 80.0}),
    ]
    found = Growth(image, found.objects, found.command, found.cameras, {"objects 3": "no\nscene"})
    models = {"mllm": "tiny", "segmenter": "sam"}
    section = GrowthReport(found, models, load=0.25).to_markdown("growth.png")
    assert "tiny + sam. Load average before the run: 0.2." in section
    assert "](growth.png)" in section
    assert "| VGA | 24 of 24 | 90 | 100 | 120 | 1.00 | 70 | - | - | - |" in section
    assert "| 4K | 23 of 24 | 150 | 175 | 190 | 1.75 | 80 | - | - | - |" in section
    assert "| 1 | 15 | 90 | 100 | 120 | 1.00 | 10.0 | 10.0 | 500 | 1.00 | 500 | 1.00 |" in section
    assert "| 2 | 15 | 190 | 200 | 220 | 2.00 | 5.0 | 10.0 | 505 | 1.01 | 800 | 1.60 |" in section
    assert "- objects 3: no scene" in section
    assert MARKS.begin not in section


def test_the_figures_stand_under_growth() -> None:
    found = GrowthReport(grown(), {"mllm": "tiny"}, load=0.5).to_dict()
    json.dumps(found, allow_nan=False)
    assert found["growth"]["image"][0]["label"] == "VGA"
    assert found["growth"]["cameras"][1]["separate_mb"] == 800.0
    assert found["load_before"] == 0.5

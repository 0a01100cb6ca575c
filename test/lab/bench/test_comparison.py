"""The interleaved comparison, and that a planted difference is found."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.bench.comparison import (
    Comparison,
    Contestants,
    Sample,
    compare,
    same_answer,
)
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.types import (
    Array,
    Frame,
    Result,
    Segmentation,
    SpatialPrompt,
    StageSeconds,
    Status,
)

BOX = np.array([1, 1, 3, 3], np.float32)
MASKS = np.zeros((2, 4, 4), bool)
MASKS[:, 1:3, 1:3] = True
TOKENS = (("red", " ball"), ("left", "<loc>"))


def result(*, with_mask: bool = True) -> Result:
    mask = Segmentation.from_mask(MASKS[0], 0.9) if with_mask else None
    seconds = StageSeconds(semantic=0.2, spatial=0.1, encode=0.3, segmentation=0.05, total=0.4)
    status = Status.OK if with_mask else Status.NOT_FOUND
    return Result(status, "the ball", segmentation=mask, seconds=seconds)


def generated(tokens: tuple[str, ...]) -> Any:
    return SimpleNamespace(answer=Answer("".join(tokens), tokens))


def baseline(**changes: Any) -> Any:
    values = {
        "semantic": generated(TOKENS[0]), "spatial": generated(TOKENS[1]),
        "box_xyxy_px": BOX, "masks": MASKS, "problem": "", **changes,
    }  # fmt: skip
    return SimpleNamespace(**values)


@pytest.fixture
def order() -> list[str]:
    return []


@pytest.fixture
def contestants(order: list[str]) -> Contestants:
    def ppcr(frame: Frame, command: str) -> Result:
        order.append("ppcr")
        return result()

    def naive(frame: Frame, command: str) -> Any:
        order.append("naive")
        return baseline()

    def direct(frame: Frame, command: str) -> Any:
        order.append("direct")
        return baseline(semantic=None)

    return Contestants(
        ppcr=ppcr,
        naive=naive,
        direct=direct,
        direct_tokens=lambda frame, command: TOKENS[1],
        box_masks=lambda frame, box: MASKS,
        tokens_of=lambda frame, command: TOKENS,
    )


def read_frame(frame: Frame) -> ReadFrame:
    return ReadFrame(frame, conversation=None, embedding=None, reader=None)  # type: ignore[arg-type]


def samples(n: int) -> list[Sample]:
    frame = Frame(rgb=np.zeros((4, 4, 3), np.uint8))
    return [Sample(f"s{number}", frame, "the ball") for number in range(n)]


def test_each_sample_runs_every_way_in_an_order_that_rotates(
    contestants: Contestants, order: list[str]
) -> None:
    ticks: list[int] = []
    found = compare(contestants, samples(3), tick=lambda: ticks.append(1))
    assert order == [
        "ppcr", "naive", "direct", "direct", "naive", "ppcr", "naive", "direct", "ppcr",
    ]  # fmt: skip
    assert len(ticks) == found.n == len(found.rows) == 3
    assert all(set(row) == {"ppcr", "naive", "direct"} for row in found.rows)
    assert found.tokens == [4, 4, 4]
    assert found.stages["encode"] == [0.3, 0.3, 0.3]
    assert not found.differences
    assert found.checked == {
        "semantic tokens": 3, "spatial tokens": 3, "direct tokens": 3, "ending": 3, "mask": 3,
    }  # fmt: skip


def test_no_way_has_the_depth_of_which_the_pipeline_alone_would_make_something(
    contestants: Contestants,
) -> None:
    seen: list[Frame] = []

    def ppcr(image: Frame | ReadFrame, command: str) -> Result:
        seen.append(image.frame if isinstance(image, ReadFrame) else image)
        return result()

    def read(frame: Frame) -> ReadFrame:
        seen.append(frame)
        return read_frame(frame)

    (sample,) = samples(1)
    frame = replace(sample.frame, depth_m=np.ones((4, 4), np.float32), stamp_ns=7)
    compare(replace(contestants, ppcr=ppcr, read=read), [replace(sample, frame=frame)])
    assert [(item.depth_m, item.stamp_ns) for item in seen] == [(None, 7)] * 3
    assert seen[1] is seen[2]  # what was read is what the pipeline is given


def test_an_image_is_read_ahead_before_the_time_runs(
    contestants: Contestants, order: list[str]
) -> None:
    def read(frame: Frame) -> ReadFrame:
        order.append("reads")
        return read_frame(frame)

    reading = replace(contestants, read=read)
    found = compare(reading, samples(2))
    assert order[:5] == ["ppcr", "reads", "ppcr", "naive", "direct"]
    assert order.count("reads") == 2
    assert all(set(row) == {"ppcr", "ahead", "naive", "direct"} for row in found.rows)
    assert found.checked["read ahead"] == 2
    assert not found.differences


def test_closer_looks_are_timed_where_they_end_with_a_mask(contestants: Contestants) -> None:
    endings = iter([True, False])

    def closer(frame: Frame, command: str) -> Result:
        return result(with_mask=next(endings))

    found = compare(replace(contestants, closer=closer), samples(2))
    assert ["closer" in row for row in found.rows] == [True, False]
    assert not found.differences, "they may say something else"


@pytest.mark.parametrize("change", ["mask", "ending"])
def test_another_answer_where_the_image_was_read_ahead_is_a_difference(
    change: str, contestants: Contestants
) -> None:
    def ppcr(image: Frame | ReadFrame, command: str) -> Result:
        other = isinstance(image, ReadFrame)
        if other and change == "mask":
            moved = Segmentation.from_mask(np.roll(MASKS[0], 1, axis=0), 0.9)
            return replace(result(), segmentation=moved)
        return result(with_mask=not other)

    found = compare(replace(contestants, ppcr=ppcr, read=read_frame), samples(1))
    assert [item.what for item in found.differences] == ["read ahead"]
    assert ("ahead" in found.rows[0]) is (change == "mask")


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("semantic tokens", {"semantic": generated(("red", " cube"))}),
        ("semantic tokens", {"semantic": generated(("red", " ball", "s"))}),
        ("spatial tokens", {"spatial": generated(("left", "<loo>"))}),
        ("mask", {"masks": ~MASKS}),
        ("mask", {"masks": MASKS[:1]}),
        ("ending", {"masks": None, "problem": "no box"}),
    ],
)
def test_a_planted_difference_is_found(
    what: str, changes: dict[str, Any], contestants: Contestants
) -> None:
    other = replace(contestants, naive=lambda frame, command: baseline(**changes))
    found = compare(other, samples(2))
    assert [item.what for item in found.differences] == [what, what]
    assert found.differences[0].sample == "s0"


def test_one_pixel_is_a_difference(contestants: Contestants) -> None:
    def box_masks(frame: Frame, box: Array) -> Array:
        masks = MASKS.copy()
        masks[1, 0, 0] = True
        return masks

    found = compare(replace(contestants, box_masks=box_masks), samples(1))
    assert found.differences[0].ppcr == "1 of 32 pixels differ"


def test_a_different_direct_answer_is_found(contestants: Contestants) -> None:
    other = replace(contestants, direct_tokens=lambda frame, command: ("right",))
    assert [item.what for item in compare(other, samples(1)).differences] == ["direct tokens"]


def test_only_runs_to_a_mask_are_timed(contestants: Contestants) -> None:
    absent = replace(
        contestants,
        ppcr=lambda frame, command: result(with_mask=False),
        naive=lambda frame, command: baseline(spatial=None, masks=None, problem="absent"),
        tokens_of=lambda frame, command: (TOKENS[0], ()),
    )
    found = compare(absent, samples(2))
    assert (found.n, found.rows, found.differences) == (2, [], [])
    assert found.quantiles("ppcr") is None
    assert found.speedup("naive") is None


def test_a_family_without_a_direct_way(contestants: Contestants) -> None:
    found = compare(replace(contestants, direct=None), samples(2))
    assert found.quantiles("direct") is None
    assert found.speedup("direct") is None
    assert found.speedup("naive") is not None


def test_a_speedup_is_over_the_samples_that_both_have() -> None:
    found = Comparison(
        rows=[
            {"ppcr": 0.1, "naive": 0.3, "direct": 0.2},
            {"ppcr": 0.1, "naive": 0.3},
            {"ppcr": 10.0, "naive": 30.0},
        ]
    )
    assert found.speedup("naive") == pytest.approx(3.0)
    assert found.speedup("direct") == pytest.approx(2.0)


def test_the_ratio_is_that_on_the_same_frame() -> None:
    """The machine is ten times slower for a while, and the ratio is not."""
    rows = [{"ppcr": 0.1, "naive": 0.3}, {"ppcr": 1.0, "naive": 3.0}, {"ppcr": 0.1, "naive": 0.2}]
    found = Comparison(rows=[*rows, {"ppcr": 0.1}, {"naive": 9.0, "ahead": 3.0}])
    assert found.speedup("naive") == pytest.approx(3.0)
    assert found.speedup("naive", of="ahead") == pytest.approx(3.0)
    assert found.speedup("direct") is None


def test_what_is_checked_is_the_pipeline_in_float32_and_its_answers_are_counted(
    contestants: Contestants,
) -> None:
    def other(image: Frame | ReadFrame, command: str) -> Result:
        return result(with_mask=False)

    def naive(frame: Frame, command: str) -> Any:
        return baseline(masks=None)

    both = replace(contestants, checked=other, naive=naive, direct=None)
    found = compare(both, samples(2))
    assert found.float32 == [0, 2]
    assert found.checked["ending"] == 2
    assert not found.differences  # the pipeline in float32 ended as the baseline did
    assert compare(replace(contestants, checked=contestants.ppcr), samples(2)).float32 == [2, 2]


@pytest.mark.parametrize(("moved_px", "same"), [(0.9, True), (1.1, False)])
def test_boxes_within_a_pixel_are_the_same_answer(moved_px: float, same: bool) -> None:
    one, other = (
        replace(result(), spatial=SpatialPrompt("there", BOX + np.float32(by)))
        for by in (0.0, moved_px)
    )
    assert same_answer(one, other) is same

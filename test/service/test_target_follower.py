"""The worker while it tracks: what is followed, what ends it, and when the MLLM is asked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import Config, NodeConfig
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import Frame, Result, Segmentation, Status
from ppcr_ros.service.target_follower import MOST_REASKS, STEADY_SEC, TargetFollower
from ppcr_ros.service.worker import Snapshot

PICTURE = np.random.default_rng(3).integers(0, 255, (80, 120, 3)).astype(np.uint8)
WIDER = np.random.default_rng(4).integers(0, 255, (80, 160, 3)).astype(np.uint8)
TRACKING = Config(node=NodeConfig(mode="track", frame_timeout_sec=20.0, track_max_rate_hz=240.0))


@pytest.fixture
def bench(make_bench: Callable[..., Any]) -> Any:
    return make_bench(TRACKING)


def tracking(bench: Any, command: str = "the red mug") -> str:
    """A target that is followed; returns the command_id."""
    bench.show()
    command_id = bench.say(command)
    bench.results(1)
    bench.until_state("tracking")
    return command_id


def test_later_images_get_a_mask_without_the_mllm(bench: Any) -> None:
    command_id = tracking(bench)
    for number in range(2, 5):
        bench.show()
        result = bench.results(number)[-1]
        assert (result.status, result.tracked, result.message) == (Status.OK, True, "")
        assert (result.command, result.command_id) == ("the red mug", command_id)
        assert result.age_sec == pytest.approx((number - 1) / 10)
        assert result.stamp_ns == number * 100_000_000
        assert result.segmentation is not None
        assert result.segmentation.box_xyxy_px.tolist() == [30, 20, 60, 40]
        assert result.semantic is not None
        assert result.semantic.category == "mug"
        assert result.spatial is None  # that was in another image's pixels
        assert result.seconds.total > 0
    first = bench.results(1)[0]
    assert (first.tracked, first.age_sec) == (False, 0.0)
    assert bench.asked == 1
    assert bench.outlet.frames[-1] is not None
    report = bench.worker.report()
    assert (report.frames_received, report.frames_used, report.frames_dropped) == (4, 4, 0)


def test_a_followed_mask_has_the_grasp_target_of_its_own_image(bench: Any) -> None:
    tracking(bench)
    bench.show(depth_problem="the depth of the second image is broken.")
    first, second = bench.results(2)
    assert first.grasp is not None
    assert second.grasp is not None
    assert "second image is broken" in second.grasp.reason
    assert "second image is broken" not in first.grasp.reason
    assert bench.worker.report().commands == 1
    assert not bench.exceptions


def test_in_mode_once_nothing_is_followed(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(replace(TRACKING, node=NodeConfig()))
    bench.show()
    bench.say("the red mug")
    bench.results(1)
    bench.until_state("idle")
    bench.show()
    bench.say("the red cup")
    assert [result.tracked for result in bench.results(2)] == [False, False]


def test_an_image_is_followed_once_and_only_the_newest_is_converted(bench: Any) -> None:
    tracking(bench)
    converted: list[int] = []
    gate = bench.scripted.mllm.gate
    bench.scripted.mllm.asked.clear()
    gate.clear()  # the worker is busy with a second command while images come
    bench.say("the red cup")
    assert bench.scripted.mllm.asked.wait(20)
    for number in range(10, 15):
        frame = Frame(PICTURE, stamp_ns=number * 1_000_000_000, frame_id="camera")

        def convert(frame: Frame = frame, number: int = number) -> Frame:
            converted.append(number)
            return frame

        bench.worker.offer(Snapshot(convert, frame.stamp_ns, "camera"))
    gate.set()
    results = bench.results(3)
    assert (results[-1].stamp_ns, results[-1].tracked) == (14_000_000_000, True)
    assert converted == [14]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("stop", Status.CANCELLED),
        ("the unicorn", Status.NOT_FOUND),
        ("the twins", Status.AMBIGUOUS),
    ],
)
def test_a_command_that_finds_nothing_ends_tracking(
    bench: Any, command: str, status: Status
) -> None:
    tracking(bench)
    bench.say(command)
    assert bench.results(2)[-1].status is status
    bench.until_state("idle")
    bench.show()
    bench.say("the red cup")  # the image in between was not followed
    assert [result.tracked for result in bench.results(3)] == [False, False, False]


def test_a_command_that_cannot_be_read_leaves_the_target_alone(bench: Any) -> None:
    tracking(bench)
    bench.say("  ")
    assert bench.results(2)[-1].status is Status.ERROR
    bench.show()
    assert bench.results(3)[-1].tracked


def test_a_new_command_takes_over_at_once(bench: Any) -> None:
    tracking(bench)
    second = bench.say("the red cup")
    bench.results(2)
    bench.until_state("tracking")
    bench.show()
    result = bench.results(3)[-1]
    assert (result.tracked, result.command_id, result.command) == (True, second, "the red cup")


def test_a_lost_target_is_asked_for_again_under_the_same_command_id(bench: Any) -> None:
    command_id = tracking(bench)
    bench.show(rgb=WIDER)
    again = bench.results(2)[-1]
    assert (again.status, again.tracked, again.command_id) == (Status.OK, False, command_id)
    assert again.segmentation is not None
    assert again.segmentation.mask.shape == (80, 160)
    assert bench.asked == 2
    bench.until_state("tracking")
    bench.show(rgb=WIDER)
    result = bench.results(3)[-1]
    assert (result.tracked, result.command_id) == (True, command_id)
    assert result.age_sec == pytest.approx(0.1)


def test_a_lost_target_that_is_not_there_any_more_says_so(bench: Any) -> None:
    tracking(bench)
    bench.scripted.mllm.dialect.semantic_turn = lambda command: Turn("unicorn")
    bench.show(rgb=WIDER)
    assert bench.results(2)[-1].status is Status.NOT_FOUND
    bench.until_state("idle")


def test_a_new_command_goes_before_asking_again(bench: Any) -> None:
    tracking(bench)
    mllm = bench.scripted.mllm
    mllm.asked.clear()
    mllm.gate.clear()
    bench.show(rgb=WIDER)
    assert mllm.asked.wait(20)
    bench.say("the red cup")
    mllm.gate.set()
    cancelled, new = bench.results(3)[1:]
    assert (cancelled.status, cancelled.command) == (Status.CANCELLED, "the red mug")
    assert (new.status, new.command) == (Status.OK, "the red cup")
    bench.until_state("tracking")
    bench.show(rgb=WIDER)
    assert bench.results(4)[-1].command == "the red cup"


def test_an_image_that_cannot_be_converted_does_not_end_tracking(bench: Any) -> None:
    tracking(bench)

    def broken() -> Frame:
        raise InvalidFrameError("the image is 0x0 pixels")

    bench.worker.offer(Snapshot(broken, 1, "camera"))
    bench.eventually(lambda: bench.exceptions)
    assert "0x0 pixels" in bench.exceptions[0]
    assert bench.worker.report().frames_refused == 1
    bench.show()
    assert bench.results(2)[-1].tracked


def test_a_segmenter_that_fails_ends_tracking_and_not_the_worker(bench: Any) -> None:
    tracking(bench)
    encode = bench.scripted.segmenter.encode
    bench.scripted.segmenter.encode = lambda frame: 1 / 0
    for number in range(2, 5):
        bench.show()
        bench.eventually(lambda n=number: len(bench.outlet.results) >= n or bench.exceptions)  # type: ignore[misc]
    assert bench.exceptions == ["tracking: division by zero"]
    bench.until_state("idle")
    bench.scripted.segmenter.encode = encode
    before = len(bench.outlet.results)
    bench.say("the red cup")
    assert bench.results(before + 1)[-1].status is Status.OK


class Follows:
    """A follower on a clock of the test's own."""

    def __init__(self, scripted: Any, **node: Any) -> None:
        self.now_sec = 100.0
        self.segmenter = scripted.segmenter
        self.live = LiveConfig(replace(TRACKING, node=replace(TRACKING.node, **node)))
        self.follower = TargetFollower(self, self.live, clock_sec=lambda: self.now_sec)
        self.number = 0
        self.take()

    def tracker(self, options: TrackerOptions | None = None) -> MaskTracker:
        return MaskTracker(self.segmenter, options)

    def frame(self, rgb: Any = PICTURE) -> Frame:
        self.number += 1
        return Frame(rgb, stamp_ns=self.number * 100_000_000)

    def take(self, rgb: Any = PICTURE, status: Status = Status.OK) -> None:
        mask = np.zeros(rgb.shape[:2], bool)
        mask[20:40, 30:60] = True
        found = Result(
            status, "the red mug", command_id="a", segmentation=Segmentation.from_mask(mask, 0.9)
        )
        self.follower.take(found, self.frame(rgb), image="first")

    def step(self, rgb: Any = PICTURE) -> Any:
        frame = self.frame(rgb)
        return self.follower.step(frame, lambda: frame)


def test_the_rate_is_bounded(scripted: Any) -> None:
    follows = Follows(scripted, track_max_rate_hz=10.0)
    assert follows.follower.pause_sec(None) is None
    assert follows.follower.pause_sec("first") is None  # the MLLM has answered about it
    assert follows.follower.pause_sec("second") == 0.0
    follows.step()
    follows.now_sec += 0.04
    assert follows.follower.pause_sec("third") == pytest.approx(0.06)
    follows.now_sec += 0.07
    assert follows.follower.pause_sec("third") == 0.0


def test_the_mllm_is_asked_again_after_the_configured_time(scripted: Any) -> None:
    follows = Follows(scripted, track_reask_sec=5.0)
    follows.now_sec += 4.9
    assert follows.step().reask == ""
    follows.now_sec += 0.2
    step = follows.step()
    assert "node.track_reask_sec (5 s)" in step.reask
    assert (step.result.status, step.found.command_id) == (Status.OK, "a")
    assert not follows.follower.active
    never = Follows(scripted)
    never.now_sec += 1e6
    assert never.step().reask == ""


def test_the_floor_of_the_confidence_is_the_options(scripted: Any) -> None:
    black = np.zeros_like(PICTURE)
    patient, hasty = (
        Follows(scripted, track_min_confidence=0.0),
        Follows(scripted, track_min_confidence=0.95),
    )
    assert [patient.step(black).reask for _ in range(9)] == [""] * 9
    step = hasty.step(black)
    assert "the floor is 0.95" in step.reask
    assert step.result.status is Status.LOW_CONFIDENCE
    assert "the target was lost" in step.result.message
    assert "Do not grasp" in step.result.message


def test_a_doubtful_mask_is_not_to_be_grasped(scripted: Any) -> None:
    follows = Follows(scripted, track_min_confidence=0.0)
    result = follows.step(np.zeros_like(PICTURE)).result
    assert result.status is Status.LOW_CONFIDENCE
    assert "below pipeline.min_confidence" in result.message
    assert result.segmentation.score == 0.0


def test_what_is_lost_again_and_again_is_given_up(scripted: Any) -> None:
    follows = Follows(scripted)
    for _ in range(MOST_REASKS):
        follows.now_sec += 0.1
        step = follows.step(WIDER)
        assert step.reask
        assert step.result is None
        follows.take()
    step = follows.step(WIDER)
    assert step.reask == ""
    assert step.result.status is Status.ERROR
    assert "give the command again" in step.result.message
    assert step.result.segmentation is None


def test_a_target_that_was_followed_for_a_while_may_be_lost_again(scripted: Any) -> None:
    follows = Follows(scripted)
    for _ in range(2 * MOST_REASKS):
        follows.now_sec += STEADY_SEC
        assert follows.step(WIDER).reask
        follows.take()


def test_a_mask_below_the_floor_is_not_followed(scripted: Any) -> None:
    follows = Follows(scripted)
    follows.take(status=Status.LOW_CONFIDENCE)
    assert not follows.follower.active


def test_switching_the_mode_off_ends_tracking(scripted: Any) -> None:
    follows = Follows(scripted)
    assert follows.follower.active
    follows.live.replace(replace(TRACKING, node=NodeConfig()))
    assert follows.follower.pause_sec("second") is None


def test_several_objects_are_found_once_and_not_followed(scripted: Any) -> None:
    follows, masks = Follows(scripted), np.zeros((2, 40, 60), np.bool_)
    masks[0, :9, :8] = masks[1, :9, 12:18] = True
    parts = tuple(Segmentation.from_mask(mask, 0.9).instances[0] for mask in masks)
    several = Result(Status.OK, "both", segmentation=Segmentation.union(parts))
    follows.follower.take(several, Frame(np.zeros((40, 60, 3), np.uint8)))
    assert not follows.follower.active


def test_a_loss_is_said_once_and_doubt_is_not(scripted: Any) -> None:
    follows, black = Follows(scripted), np.zeros_like(PICTURE)
    results = []
    while follows.follower.active:
        results.append(follows.step(black).result)
    doubtful, lost = results[:-1], results[-1]
    assert doubtful
    assert {result.status for result in results} == {Status.LOW_CONFIDENCE}
    assert {result.say for result in doubtful} == {""}
    assert lost.say == "I have lost what you mean."


def test_what_is_too_small_to_be_followed_is_not_asked_for_again(scripted: Any) -> None:
    follows, mask = Follows(scripted), np.zeros(PICTURE.shape[:2], np.bool_)
    mask[20:25, 30:33] = True
    small = Result(Status.OK, "the red mug", segmentation=Segmentation.from_mask(mask, 0.9))
    follows.follower.take(small, follows.frame())
    step = follows.step()
    assert (step.reask, step.result.status) == ("", Status.ERROR)
    assert step.result.message == (
        "the target is too small to be followed: it has 15 pixels, and at least 16 are needed. "
        "Tracking ends; move the camera closer and give the command again."
    )
    assert step.result.say == "I cannot follow what you mean, for it is too small."
    assert not follows.follower.active


def test_what_is_followed_and_seen_is_not_said_again(bench: Any) -> None:
    tracking(bench)
    bench.show()
    first, *later = bench.results(2)
    said = {result.say for result in later if result.status is Status.OK}
    assert (bool(first.say), said) == (True, {""})

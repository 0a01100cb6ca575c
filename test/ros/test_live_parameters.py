"""The options that can change while the node runs: each has its effect at once."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from geometry_msgs.msg import Point, PointStamped
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from ppcr_lab import scripted_camera
from ppcr_lab.scripted_models import scripted_calibration
from ppcr_ros.core.config import SECTIONS
from ppcr_ros.core.errors import ConfigError, PromptParseError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.options import spec_of
from ppcr_ros.core.window import Window
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.replay.bag import our_bags
from ppcr_ros.ros import conversions
from ppcr_ros.ros.qos import COMMAND_QOS

RESULT = "/ppcr/result"


def image() -> Image:
    return scripted_camera.colour_image(conversions.make_header(5, "camera"), grey=100)


def noise() -> Image:
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return conversions.rgb_to_image(rgb, conversions.make_header(6, "camera"))


def test_what_is_set_while_the_models_load_holds_once_they_are_loaded(bench: Any) -> None:
    loading, go = threading.Event(), threading.Event()
    build = bench.scripted.build

    def slow(config: Any) -> Any:
        pipeline = build(config)
        loading.set()
        assert go.wait(180)
        return pipeline

    bench.scripted.build = slow
    node = bench.start(activate=False, node__max_image_age_sec=120.0)
    starting = threading.Thread(target=node.start)
    starting.start()
    assert loading.wait(180)
    (outcome,) = node.set_parameters([Parameter("pipeline.min_confidence", value=1.0)])
    assert outcome.successful
    go.set()
    starting.join(60)
    bench.listen(ReferringSegmentation, RESULT)
    bench.show(image())
    assert bench.answer().status == ReferringSegmentation.LOW_CONFIDENCE


def test_an_exception_in_a_model_leaves_its_traceback_in_the_log_once(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = bench.begin(node__max_image_age_sec=120.0)
    lines: list[str] = []
    logger = node.get_logger()
    monkeypatch.setattr(node, "get_logger", lambda: logger)
    monkeypatch.setattr(logger, "error", lines.append)

    def fail(*prompts: Any) -> None:
        raise KeyError("deep in a segmenter")

    monkeypatch.setattr(bench.scripted.segmenter, "segment", fail)
    bench.show(image())
    assert "deep in a segmenter" in bench.answer().message
    traces = [line for line in lines if "Traceback" in line]
    assert len(traces) == 1
    assert "in fail" in traces[0]


class TestLive:
    """One test for each such option, which bears its name."""

    @pytest.fixture(autouse=True)
    def _running(self, bench: Any) -> None:
        bench.scripted.calibration = scripted_calibration(2.0)
        self.node = bench.start(node__max_image_age_sec=120.0)  # which a slow machine may use up
        bench.listen(ReferringSegmentation, RESULT)
        bench.show(image())

    def change(self, name: str, value: Any) -> None:
        (outcome,) = self.node.set_parameters([Parameter(name, value=value)])
        assert outcome.successful, outcome.reason

    def test_min_confidence(self, bench: Any) -> None:
        assert bench.answer().status == ReferringSegmentation.OK
        self.change("pipeline.min_confidence", 1.0)
        assert bench.answer(count=2).status == ReferringSegmentation.LOW_CONFIDENCE

    def test_min_probability(self, bench: Any) -> None:
        assert bench.answer().status == ReferringSegmentation.OK
        self.change("pipeline.min_probability", 1.0)
        assert bench.answer(count=2).status == ReferringSegmentation.LOW_CONFIDENCE

    def test_max_command_chars(self, bench: Any) -> None:
        self.change("pipeline.max_command_chars", 16)
        assert bench.answer("the red mug by the plate").command == "the red mug by t"

    def test_repair_tries(self, bench: Any) -> None:
        dialect, answers = bench.scripted.mllm.dialect, []
        parse = dialect.parse_semantic

        def unreadable_three_times(answer: Answer) -> Any:
            answers.append(answer)
            if len(answers) <= 3:
                raise PromptParseError("no category")
            return parse(answers[0])  # as if the question had been repeated

        dialect.parse_semantic = unreadable_three_times
        self.change("pipeline.repair_tries", 3)
        assert bench.answer().status == ReferringSegmentation.OK
        assert len(answers) == 4

    def test_look_again_below(self, bench: Any) -> None:
        mllm, windows = bench.scripted.mllm, []
        mllm.things = Window(0.25, 0.25, 0.5, 0.5)  # a scripted model is its own conversation
        mllm.open_window = lambda frame, window: windows.append(window) or mllm.open(frame)
        assert bench.answer().status == ReferringSegmentation.OK
        assert windows == [], "it was sure enough"
        self.change("pipeline.look_again_below", 1.0)
        assert bench.answer(count=2).status == ReferringSegmentation.OK
        assert len(windows) == 1

    def test_overlap_encoding(self, bench: Any) -> None:
        threads: list[str] = []
        encode = bench.scripted.segmenter.encode

        def noting(frame: Any) -> Any:
            threads.append(threading.current_thread().name)
            return encode(frame)

        bench.scripted.segmenter.encode = noting
        bench.answer()
        self.change("pipeline.overlap_encoding", "never")
        bench.answer(count=2)
        assert threads[0].startswith("ppcr-encode")
        assert threads[1] == "ppcr-worker"

    def test_verify_with_mllm(self, bench: Any) -> None:
        bench.scripted.mllm.dialect.verification_turn = lambda *_, **__: "is it?"
        bench.scripted.mllm.yes_probability = lambda turn, cancel: 1e-6
        assert bench.answer().status == ReferringSegmentation.OK
        self.change("pipeline.verify_with_mllm", True)
        assert bench.answer(count=2).status == ReferringSegmentation.LOW_CONFIDENCE

    def test_guidance(self, bench: Any) -> None:
        both = bench.answer()
        assert (both.status, both.semantic_prompt.category) == (ReferringSegmentation.OK, "mug")
        self.change("pipeline.guidance", "direct")
        direct = bench.answer(count=2)
        assert (direct.status, direct.semantic_prompt.category) == (ReferringSegmentation.OK, "")
        assert direct.spatial_prompt.text == "where at once the red mug"
        assert direct.semantic_seconds == 0.0

    def test_read_ahead_max_rate_hz(self, bench: Any, eventually: Any) -> None:
        bench.answer()
        assert bench.scripted.mllm.read == []
        self.change("node.read_ahead_max_rate_hz", 30.0)
        eventually(lambda: bench.scripted.mllm.read)
        assert bench.answer(count=2).status == ReferringSegmentation.OK

    def test_max_image_age_sec(self, bench: Any) -> None:
        assert bench.answer().status == ReferringSegmentation.OK
        self.change("node.max_image_age_sec", 0.05)
        self.change("node.frame_timeout_sec", 0.2)
        counts = itertools.count(2)  # until the frame has grown old
        bench.until(
            lambda: "node.max_image_age_sec is 0.05" in bench.answer(count=next(counts)).message,
            "the image to be too old",
        )

    def test_frame_timeout_sec(self, bench: Any) -> None:
        assert bench.node.trigger_deactivate().name == "SUCCESS"
        assert bench.node.trigger_activate().name == "SUCCESS"  # its images are gone
        self.change("node.frame_timeout_sec", 0.2)
        assert "node.frame_timeout_sec (0.2 s)" in bench.answer().message

    def test_command_timeout_sec(self, bench: Any) -> None:
        bench.scripted.mllm.gate.clear()
        self.change("node.command_timeout_sec", 0.2)
        result = bench.answer()
        assert result.status == ReferringSegmentation.CANCELLED
        assert result.message == "the command timed out: there was no result within 0.2 s."

    def refusal(self, bench: Any, option: str, value: Any) -> str:
        """Why what hangs in front of the camera is not graspable, where ``option`` is ``value``."""
        header = conversions.make_header(time.time_ns(), "camera_optical")
        values = scripted_camera.depth_values()
        values[12:24, 16:32:2] += 1  # nothing is measured without noise
        self.node.cameras[""].receive(
            scripted_camera.colour_image(header, grey=100),
            scripted_camera.depth_image(header, values),
            scripted_camera.camera_info(header),
        )
        before = bench.answer().grasp
        assert before.graspable, before.reason
        self.change(option, value)
        after = bench.answer(count=2).grasp
        assert not after.graspable
        return str(after.reason)

    def test_min_valid_depth_pixels(self, bench: Any) -> None:
        assert (
            "192 of the mask's 192 pixels have one, and grasp.min_valid_depth_pixels is 1000"
            in (self.refusal(bench, "grasp.min_valid_depth_pixels", 1000))
        )

    def test_border_margin_px(self, bench: Any) -> None:
        assert "grasp.border_margin_px is 20" in self.refusal(bench, "grasp.border_margin_px", 20)

    def test_max_age_sec(self, bench: Any) -> None:
        slow = bench.scripted.segmenter.segment

        def take_longer(*arguments: Any) -> Any:
            threading.Event().wait(0.1)  # the image has to grow old
            return slow(*arguments)

        bench.scripted.segmenter.segment = take_longer
        assert "grasp.max_age_sec is 0.05" in self.refusal(bench, "grasp.max_age_sec", 0.05)

    def test_min_score(self, bench: Any) -> None:
        assert "is below grasp.min_score 1.00" in self.refusal(bench, "grasp.min_score", 1.0)

    def test_min_distance_m(self, bench: Any) -> None:
        said = self.refusal(bench, "grasp.min_distance_m", 1.0)
        assert "too near: 0.80" in said
        assert "grasp.min_distance_m is 1" in said

    def test_max_distance_m(self, bench: Any) -> None:
        said = self.refusal(bench, "grasp.max_distance_m", 0.5)
        assert "too far: 0.8 m, and grasp.max_distance_m is 0.5" in said

    def test_max_size_m(self, bench: Any) -> None:
        assert "grasp.max_size_m is 0.02" in self.refusal(bench, "grasp.max_size_m", 0.02)

    def test_max_depth_noise_m(self, bench: Any) -> None:
        assert "grasp.max_depth_noise_m is 0." in self.refusal(
            bench, "grasp.max_depth_noise_m", 0.0
        )

    def test_max_gripper_width_m(self, bench: Any) -> None:
        assert "grasp.max_gripper_width_m is 0.001" in (
            self.refusal(bench, "grasp.max_gripper_width_m", 0.001)
        )

    def track(self, bench: Any) -> None:
        """Follow a target, in the first of many pictures that are all the same."""
        self.change("node.mode", "track")
        self.picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        self.stamp_ns = 0
        self.show_next(bench)
        assert not bench.answer().tracked
        bench.until(lambda: bench.node.worker.report().state == "tracking", "tracking")

    def show_next(self, bench: Any) -> None:
        self.stamp_ns += 100_000_000
        header = conversions.make_header(self.stamp_ns, "camera")
        bench.show(conversions.rgb_to_image(self.picture, header))

    def test_mode(self, bench: Any) -> None:
        self.track(bench)
        self.show_next(bench)
        followed = bench.wait(RESULT, 2)[-1]
        assert (followed.tracked, followed.status) == (True, ReferringSegmentation.OK)
        assert followed.age_seconds == pytest.approx(0.1)
        assert followed.command_id == bench.wait(RESULT)[0].command_id
        assert len(bench.scripted.mllm.frames) == 1

    def test_track_reask_sec(self, bench: Any) -> None:
        self.track(bench)
        self.change("node.track_reask_sec", 0.05)
        threading.Event().wait(0.06)  # the time has to pass
        self.show_next(bench)
        again = bench.wait(RESULT, 3)[:3]
        assert [message.tracked for message in again] == [False, True, False]
        assert len({message.command_id for message in again}) == 1

    def test_track_min_confidence(self, bench: Any) -> None:
        self.track(bench)
        self.change("node.track_min_confidence", 1.0)
        self.picture = np.zeros_like(self.picture)  # the camera is covered
        self.show_next(bench)
        lost = bench.wait(RESULT, 2)[1]
        assert (lost.tracked, lost.status) == (True, ReferringSegmentation.LOW_CONFIDENCE)
        assert "the floor is 1.00" in lost.message

    def test_track_max_rate_hz(self, bench: Any) -> None:
        self.change("node.track_max_rate_hz", 0.1)
        self.track(bench)
        self.show_next(bench)
        bench.wait(RESULT, 2)
        self.show_next(bench)
        bench.answer("the red cup", count=3)  # a command comes before the image is due
        assert [message.tracked for message in bench.wait(RESULT, 3)] == [False, True, False]

    def test_overlay_alpha(self, bench: Any) -> None:
        bench.listen(Image, "/ppcr/overlay")
        picture = np.full((480, 640, 3), 100, np.uint8)
        picture[:, 600:] = 200  # in an image of one colour nothing is looked for
        bench.show(conversions.rgb_to_image(picture, conversions.make_header(5, "camera")))
        assert bench.answer().status == ReferringSegmentation.OK
        bench.wait("/ppcr/overlay")
        self.change("node.overlay_alpha", 1.0)
        bench.answer(count=2)
        half, full = (
            np.frombuffer(item.data, np.uint8).reshape(480, 640, 3)[200, 280].tolist()
            for item in bench.wait("/ppcr/overlay", 2)
        )
        assert half != full
        assert abs(half[0] - 100) < abs(full[0] - 100)

    def test_timeout_sec(self, bench: Any) -> None:
        click = PointStamped(header=Header(frame_id="camera"), point=Point(x=20.0, y=18.0))
        for count, timeout_sec in ((1, 300.0), (3, 0.0)):
            self.change("dialog.timeout_sec", timeout_sec)
            bench.publish(click, "/clicked_point", COMMAND_QOS)
            assert list(bench.wait(RESULT, count)[-1].point_xy_px) == [20.0, 18.0]
            words = bench.answer("this one", count + 1)  # means the point for as long
            assert list(words.point_xy_px) == ([20.0, 18.0] if timeout_sec else [])

    def test_folder(self, bench: Any, tmp_path: Path) -> None:
        bench.answer()
        assert our_bags(tmp_path) == []
        self.change("record.folder", str(tmp_path))
        bench.answer(count=2)
        bench.until(lambda: len(our_bags(tmp_path)) == 1, "the bag")

    def test_max_megabytes(self, bench: Any, tmp_path: Path) -> None:
        bench.show(noise())  # which no compression makes small: two of them are above 1 MB
        self.change("record.folder", str(tmp_path))
        self.change("record.max_megabytes", 1)
        for count in (1, 2):
            bench.answer(count=count)
        bench.until(lambda: self.node.recorder.bags.report().deleted == 1, "the deletion")
        assert len(our_bags(tmp_path)) == 1

    def test_only(self, bench: Any, tmp_path: Path) -> None:
        self.change("record.only", "failures")
        self.change("record.folder", str(tmp_path))
        bench.answer()
        bench.answer("the unicorn", count=2)
        bench.until(lambda: our_bags(tmp_path) != [], "the bag")
        (bag,) = our_bags(tmp_path)
        assert "_not_found_" in bag.name


def test_every_live_option_is_here() -> None:
    live = {
        item.name
        for cls in SECTIONS.values()
        for item in fields(cls)
        if not spec_of(item).read_only
    }
    tried = {name.removeprefix("test_") for name in vars(TestLive) if name.startswith("test_")}
    assert tried == live


def test_a_node_that_is_refused_registers_no_log_handler(bench: Any) -> None:
    before = list(logging.getLogger().handlers)
    with pytest.raises(ConfigError):
        bench.start(activate=False, pipeline__min_confidence=7.0)
    assert logging.getLogger().handlers == before

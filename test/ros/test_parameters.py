"""Each parameter has an effect, or its change is refused with a reason."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ppcr_ros.core.config import SECTIONS, Config, flatten
from ppcr_ros.core.errors import ConfigError, PromptParseError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.options import OptionSpec, spec_of
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.replay.bag import our_bags
from ppcr_ros.ros import conversions, synchronisation
from ppcr_ros.ros.node import PpcrNode

RESULT = "/ppcr/result"
SPECS: dict[str, OptionSpec] = {
    f"{section}.{item.name}": spec_of(item)
    for section, cls in SECTIONS.items()
    for item in fields(cls)
}
DEFAULTS = flatten(Config())
_BAGS = tempfile.TemporaryDirectory()
OTHER: dict[str, bool | int | float | str] = {
    "mllm.family": "qwen3_vl",
    "mllm.model": "/models/mllm",
    "mllm.revision": "abc",
    "mllm.device": "cpu",
    "mllm.dtype": "float32",
    "mllm.quantization": "int8",
    "mllm.max_new_tokens_semantic": 7,
    "mllm.max_new_tokens_spatial": 9,
    "segmenter.family": "sam2",
    "segmenter.model": "/models/segmenter",
    "segmenter.variant": "vit_h",
    "segmenter.revision": "abc",
    "segmenter.device": "cpu",
    "segmenter.dtype": "float16",
    "segmenter.multimask": False,
    "segmenter.prompt_adapter": "/models/adapter",
    "pipeline.max_command_chars": 16,
    "pipeline.min_confidence": 1.0,
    "pipeline.repair_tries": 3,
    "pipeline.overlap_encoding": "never",
    "mllm.constrain_answers": True,
    "pipeline.verify_with_mllm": True,
    "pipeline.guidance": "direct",
    "pipeline.score_calibration": "/models/calibration.json",
    "pipeline.offline": False,
    "grasp.min_valid_depth_pixels": 1000,
    "grasp.border_margin_px": 20,
    "grasp.max_age_sec": 0.05,
    "grasp.min_score": 1.0,
    "grasp.max_gripper_width_m": 0.001,
    "node.autostart": False,
    "node.cameras": "front, wrist",
    "node.use_compressed": True,
    "node.use_depth": True,
    "node.sync_slop_sec": 0.25,
    "node.sync_queue_size": 3,
    "node.image_reliability": "reliable",
    "node.max_image_age_sec": 0.05,
    "node.frame_timeout_sec": 0.2,
    "node.command_timeout_sec": 0.2,
    "node.fallback_config": "embedded",
    "node.max_image_megapixels": 0.5,
    "node.mode": "track",
    "node.track_reask_sec": 0.05,
    "node.track_min_confidence": 1.0,
    "node.track_max_rate_hz": 0.1,
    "node.overlay_alpha": 1.0,
    "record.folder": _BAGS.name,
    "record.max_megabytes": 1,
    "record.only": "failures",
}
READ_ONLY = [name for name in DEFAULTS if SPECS[name].read_only]
LIVE = [name for name in DEFAULTS if not SPECS[name].read_only]


def image(width: int = 64, height: int = 48) -> Image:
    rgb = np.full((height, width, 3), 100, np.uint8)
    return conversions.rgb_to_image(rgb, conversions.make_header(5, "camera"))


def noise() -> Image:
    rgb = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return conversions.rgb_to_image(rgb, conversions.make_header(6, "camera"))


def change(node: PpcrNode, name: str, value: Any) -> Any:
    (outcome,) = node.set_parameters([Parameter(name, value=value)])
    return outcome


def ask(bench: Any, command: str = "the red mug", count: int = 1) -> Any:
    bench.say(command)
    return bench.wait(RESULT, count)[-1]


def test_every_option_is_tried_here() -> None:
    assert set(OTHER) == set(DEFAULTS)
    assert all(OTHER[name] != DEFAULTS[name] for name in OTHER)


def test_every_option_is_a_parameter_with_its_meaning(bench: Any) -> None:
    node = bench.start(activate=False)
    for name, default in DEFAULTS.items():
        described = node.describe_parameter(name)
        assert node.get_parameter(name).value == default
        assert described.description == SPECS[name].description
        assert described.read_only == SPECS[name].read_only
        assert all(choice in described.additional_constraints for choice in SPECS[name].choices)
        if SPECS[name].minimum is not None:
            (bounds,) = described.floating_point_range or described.integer_range
            assert (bounds.from_value, bounds.to_value) == (
                SPECS[name].minimum,
                SPECS[name].maximum,
            )
    assert node.describe_parameter("node.overlay_alpha").type == ParameterType.PARAMETER_DOUBLE


def test_what_launch_sets_reaches_the_models_factory(bench: Any) -> None:
    overrides = {name.replace(".", "__"): value for name, value in OTHER.items()}
    node = bench.start(activate=False, **overrides)
    assert node.trigger_configure().name == "SUCCESS"
    assert flatten(bench.scripted.configs[0]) == OTHER


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_is_fixed_at_start_refuses_a_change(bench: Any, name: str) -> None:
    node = bench.start(activate=False)
    outcome = change(node, name, OTHER[name])
    assert not outcome.successful
    assert "read-only" in outcome.reason
    assert node.get_parameter(name).value == DEFAULTS[name]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("pipeline.max_command_chars", 3, "out of range"),
        ("node.overlay_alpha", 1.5, "out of range"),
        ("node.overlay_alpha", float("nan"), "out of range"),
        ("node.overlay_alpha", "thick", "Wrong parameter type"),
        ("pipeline.guidance", "both", "expected one of progressive, no_adapter"),
    ],
)
def test_an_unacceptable_change_is_refused(bench: Any, name: str, value: Any, reason: str) -> None:
    node = bench.start(activate=False)
    outcome = change(node, name, value)
    assert not outcome.successful
    assert reason in outcome.reason


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"mllm__family": "gpt"}, "mllm.family is 'gpt'; expected one of ppcr_tiny"),
        ({"node__overlay_alpha": 1}, "node.overlay_alpha has the wrong type; expected float"),
        ({"node__overlay_alpha": 7.0}, "node.overlay_alpha is refused"),
        ({"node__overlay_alfa": 0.5}, "unknown option node.overlay_alfa"),
        ({"node__cameras": "front, front"}, "names 'front' twice; expected each camera once"),
        ({"node__cameras": "front/arm"}, "'front/arm' is no name for a camera"),
    ],
)
def test_a_bad_parameter_file_stops_the_node_with_its_reason(
    bench: Any, overrides: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigError, match=expected):
        bench.start(activate=False, **overrides)


def test_parameters_of_others_are_left_alone(bench: Any) -> None:
    node = bench.start(activate=False, use_sim_time=False)
    assert node.set_parameters([Parameter("use_sim_time", value=True)])[0].successful


def test_autostart_is_what_main_goes_by(bench: Any) -> None:
    assert bench.start(activate=False, node__autostart=False).autostart is False


def test_use_compressed_changes_the_topic(bench: Any) -> None:
    node = bench.start(node__use_compressed=True)
    bench.listen(ReferringSegmentation, RESULT)
    assert node._inputs[""].topics[0] == "/image/compressed"
    from cv_bridge import CvBridge

    compressed = CvBridge().cv2_to_compressed_imgmsg(np.zeros((48, 64, 3), np.uint8), "png")
    assert isinstance(compressed, CompressedImage)
    bench.show(compressed, "/image/compressed")
    assert ask(bench).status == ReferringSegmentation.OK


def test_image_reliability_is_what_is_subscribed_with(bench: Any) -> None:
    node = bench.start(node__image_reliability="reliable")
    (info,) = bench.probe.get_subscriptions_info_by_topic("/image") or [None]
    assert node._inputs[""]._subscriptions["image"].reliability.name == "RELIABLE"
    bench.until(lambda: bench.probe.count_subscribers("/image") > 0, "discovery")
    (info,) = bench.probe.get_subscriptions_info_by_topic("/image")
    assert info.qos_profile.reliability.name == "RELIABLE"


def test_max_image_megapixels_is_the_largest_image_that_is_taken(bench: Any) -> None:
    bench.start(node__max_image_megapixels=0.01)
    bench.listen(ReferringSegmentation, RESULT)
    bench.show(image(100, 100))
    assert ask(bench).status == ReferringSegmentation.OK
    bench.show(image(101, 100))
    refused = ask(bench, count=2)
    assert refused.status == ReferringSegmentation.ERROR
    assert "0.0 megapixels; expected at most 0.01" in refused.message


@pytest.mark.skipif(
    not synchronisation.available(), reason="needs the Python package message_filters"
)
def test_depth_is_synchronised_as_set(bench: Any) -> None:
    node = bench.start(node__use_depth=True, node__sync_slop_sec=0.25, node__sync_queue_size=3)
    assert "/depth" in node._inputs[""].topics
    for made in (node._inputs[""]._synchroniser._triples, node._inputs[""]._synchroniser._pairs):
        assert (made.queue_size, made.slop.nanoseconds) == (3, 250_000_000)


class TestLive:
    """The options that can change while the node runs; `test_every_live_option_is_here`."""

    @pytest.fixture(autouse=True)
    def _running(self, bench: Any) -> None:
        self.node = bench.start()
        bench.listen(ReferringSegmentation, RESULT)
        bench.show(image())

    def change(self, name: str) -> None:
        outcome = change(self.node, name, OTHER[name])
        assert outcome.successful, outcome.reason

    def test_min_confidence(self, bench: Any) -> None:
        assert ask(bench).status == ReferringSegmentation.OK
        self.change("pipeline.min_confidence")
        assert ask(bench, count=2).status == ReferringSegmentation.LOW_CONFIDENCE

    def test_max_command_chars(self, bench: Any) -> None:
        self.change("pipeline.max_command_chars")
        assert ask(bench, "the red mug by the plate").command == "the red mug by t"

    def test_repair_tries(self, bench: Any) -> None:
        dialect, answers = bench.scripted.mllm.dialect, []
        parse = dialect.parse_semantic

        def unreadable_three_times(answer: Answer) -> Any:
            answers.append(answer)
            if len(answers) <= 3:
                raise PromptParseError("no category")
            return parse(answer)

        dialect.parse_semantic = unreadable_three_times
        self.change("pipeline.repair_tries")
        assert ask(bench).status == ReferringSegmentation.OK
        assert len(answers) == 4

    def test_overlap_encoding(self, bench: Any) -> None:
        threads: list[str] = []
        encode = bench.scripted.segmenter.encode

        def noting(frame: Any) -> Any:
            threads.append(threading.current_thread().name)
            return encode(frame)

        bench.scripted.segmenter.encode = noting
        ask(bench)
        self.change("pipeline.overlap_encoding")
        ask(bench, count=2)
        assert threads[0].startswith("ppcr-encode")
        assert threads[1] == "ppcr-worker"

    def test_verify_with_mllm(self, bench: Any) -> None:
        bench.scripted.mllm.dialect.verification_turn = lambda *_, **__: "is it?"
        bench.scripted.mllm.yes_probability = lambda turn, cancel: 1e-6
        assert ask(bench).status == ReferringSegmentation.OK
        self.change("pipeline.verify_with_mllm")
        assert ask(bench, count=2).status == ReferringSegmentation.LOW_CONFIDENCE

    def test_guidance(self, bench: Any) -> None:
        both = ask(bench)
        assert (both.status, both.semantic_prompt.category) == (ReferringSegmentation.OK, "mug")
        self.change("pipeline.guidance")
        direct = ask(bench, count=2)
        assert (direct.status, direct.semantic_prompt.category) == (ReferringSegmentation.OK, "")
        assert direct.spatial_prompt.text == "where at once the red mug"
        assert direct.semantic_seconds == 0.0

    def test_max_image_age_sec(self, bench: Any) -> None:
        assert ask(bench).status == ReferringSegmentation.OK
        self.change("node.max_image_age_sec")
        threading.Event().wait(0.1)  # the frame has to grow old
        self.change("node.frame_timeout_sec")
        assert "node.max_image_age_sec is 0.05" in ask(bench, count=2).message

    def test_frame_timeout_sec(self, bench: Any) -> None:
        bench.node._worker._agenda._cameras[""].newest = None
        self.change("node.frame_timeout_sec")
        assert "node.frame_timeout_sec (0.2 s)" in ask(bench).message

    def test_command_timeout_sec(self, bench: Any) -> None:
        bench.scripted.mllm.gate.clear()
        self.change("node.command_timeout_sec")
        result = ask(bench)
        assert result.status == ReferringSegmentation.CANCELLED
        assert result.message == "the command timed out: there was no result within 0.2 s."

    def refusal(self, bench: Any, option: str, count: int = 2) -> str:
        """Why what hangs in front of the camera is not graspable, with ``option`` changed."""
        header, k = image().header, [60.0, 0.0, 32.0, 0.0, 60.0, 24.0, 0.0, 0.0, 1.0]
        depth = Image(header=header, width=64, height=48, encoding="16UC1", step=128)
        values = np.full((48, 64), 2000, "<u2")
        values[12:24, 16:32] = 800  # where the scripted mask lies
        depth.data.frombytes(values.tobytes())
        info = CameraInfo(header=header, width=64, height=48, k=k)
        self.node._inputs[""]._stash(image(), depth, info)
        before = ask(bench).grasp
        assert before.graspable, before.reason
        self.change(option)
        after = ask(bench, count=count).grasp
        assert not after.graspable
        return str(after.reason)

    def test_min_valid_depth_pixels(self, bench: Any) -> None:
        assert (
            "192 of the mask's 192 pixels have one, and grasp.min_valid_depth_pixels is 1000"
            in (self.refusal(bench, "grasp.min_valid_depth_pixels"))
        )

    def test_border_margin_px(self, bench: Any) -> None:
        assert "grasp.border_margin_px is 20" in self.refusal(bench, "grasp.border_margin_px")

    def test_max_age_sec(self, bench: Any) -> None:
        slow = bench.scripted.segmenter.segment

        def take_longer(*arguments: Any) -> Any:
            threading.Event().wait(0.1)  # the image has to grow old
            return slow(*arguments)

        bench.scripted.segmenter.segment = take_longer
        assert "grasp.max_age_sec is 0.05" in self.refusal(bench, "grasp.max_age_sec")

    def test_min_score(self, bench: Any) -> None:
        assert "is below grasp.min_score 1.00" in self.refusal(bench, "grasp.min_score")

    def test_max_gripper_width_m(self, bench: Any) -> None:
        assert "grasp.max_gripper_width_m is 0.001" in (
            self.refusal(bench, "grasp.max_gripper_width_m")
        )

    def track(self, bench: Any) -> None:
        """Follow a target, in the first of many pictures that are all the same."""
        self.change("node.mode")
        self.picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
        self.stamp_ns = 0
        self.show_next(bench)
        assert not ask(bench).tracked
        bench.until(lambda: bench.node._worker.report().state == "tracking", "tracking")

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
        self.change("node.track_reask_sec")
        threading.Event().wait(0.06)  # the time has to pass
        self.show_next(bench)
        again = bench.wait(RESULT, 3)[:3]
        assert [message.tracked for message in again] == [False, True, False]
        assert len({message.command_id for message in again}) == 1

    def test_track_min_confidence(self, bench: Any) -> None:
        self.track(bench)
        self.change("node.track_min_confidence")
        self.picture = np.zeros_like(self.picture)  # the camera is covered
        self.show_next(bench)
        lost = bench.wait(RESULT, 2)[1]
        assert (lost.tracked, lost.status) == (True, ReferringSegmentation.LOW_CONFIDENCE)
        assert "the floor is 1.00" in lost.message

    def test_track_max_rate_hz(self, bench: Any) -> None:
        self.change("node.track_max_rate_hz")
        self.track(bench)
        self.show_next(bench)
        bench.wait(RESULT, 2)
        self.show_next(bench)
        ask(bench, "the red cup", count=3)  # a command comes before the image is due
        assert [message.tracked for message in bench.wait(RESULT, 3)] == [False, True, False]

    def test_overlay_alpha(self, bench: Any) -> None:
        bench.listen(Image, "/ppcr/overlay")
        bench.show(image(640, 480))
        ask(bench)
        bench.wait("/ppcr/overlay")
        self.change("node.overlay_alpha")
        ask(bench, count=2)
        half, full = (
            np.frombuffer(item.data, np.uint8).reshape(480, 640, 3)[200, 280].tolist()
            for item in bench.wait("/ppcr/overlay", 2)
        )
        assert half != full
        assert abs(half[0] - 100) < abs(full[0] - 100)

    def test_folder(self, bench: Any) -> None:
        ask(bench)
        assert our_bags(Path(_BAGS.name)) == []
        self.change("record.folder")
        ask(bench, count=2)
        bench.until(lambda: len(our_bags(Path(_BAGS.name))) == 1, "the bag")
        for bag in our_bags(Path(_BAGS.name)):
            shutil.rmtree(bag)

    def test_max_megabytes(self, bench: Any, tmp_path: Path) -> None:
        bench.show(noise())  # which no compression makes small: two of them are above 1 MB
        assert change(self.node, "record.folder", str(tmp_path)).successful
        self.change("record.max_megabytes")
        for count in (1, 2):
            ask(bench, count=count)
        bench.until(lambda: self.node._recorder._recorder.report().deleted == 1, "the deletion")
        assert len(our_bags(tmp_path)) == 1

    def test_only(self, bench: Any, tmp_path: Path) -> None:
        self.change("record.only")
        assert change(self.node, "record.folder", str(tmp_path)).successful
        ask(bench)
        ask(bench, "the unicorn", count=2)
        bench.until(lambda: our_bags(tmp_path) != [], "the bag")
        (bag,) = our_bags(tmp_path)
        assert "_not_found_" in bag.name


def test_every_live_option_is_here() -> None:
    tried = {name.removeprefix("test_") for name in vars(TestLive) if name.startswith("test_")}
    assert tried == {name.split(".")[1] for name in LIVE}


def test_a_change_comes_through_the_parameter_service(bench: Any) -> None:
    from rcl_interfaces.srv import SetParameters

    bench.start()
    client = bench.probe.create_client(SetParameters, "/ppcr/set_parameters")
    assert client.wait_for_service(30)
    request = SetParameters.Request(
        parameters=[Parameter("pipeline.min_confidence", value=0.9).to_parameter_msg()]
    )
    answered, future = threading.Event(), client.call_async(request)
    future.add_done_callback(lambda _: answered.set())
    assert answered.wait(30)
    assert future.result().results[0].successful
    assert bench.node._config.pipeline.min_confidence == 0.9

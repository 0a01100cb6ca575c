"""Each parameter has an effect, or its change is refused with a reason."""

from __future__ import annotations

import tempfile
from array import array
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage, Image

from ppcr_lab import scripted_camera
from ppcr_ros.core.config import SECTIONS, Config, flatten, load_config
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.options import OptionSpec, spec_of
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.ros.node import PpcrNode

SPECS: dict[str, OptionSpec] = {
    f"{section}.{item.name}": spec_of(item)
    for section, cls in SECTIONS.items()
    for item in fields(cls)
}
DEFAULTS = flatten(Config())
_BAGS = tempfile.TemporaryDirectory()  # what is configured is made
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
    "segmenter.look": "region",
    "segmenter.prompt_adapter": "/models/adapter",
    "pipeline.max_command_chars": 16,
    "pipeline.min_confidence": 1.0,
    "pipeline.min_probability": 0.9,
    "pipeline.repair_tries": 3,
    "pipeline.overlap_encoding": "never",
    "mllm.constrain_answers": True,
    "pipeline.verify_with_mllm": True,
    "pipeline.guidance": "direct",
    "pipeline.look_again_below": 0.3,
    "pipeline.score_calibration": "/models/calibration.json",
    "pipeline.offline": False,
    "grasp.min_valid_depth_pixels": 1000,
    "grasp.border_margin_px": 20,
    "grasp.max_age_sec": 0.05,
    "grasp.min_score": 1.0,
    "grasp.max_depth_noise_m": 0.0,
    "grasp.max_gripper_width_m": 0.001,
    "grasp.min_distance_m": 1.0,
    "grasp.max_distance_m": 0.5,
    "grasp.max_size_m": 0.02,
    "camera.depth_wait_sec": 0.3,
    "camera.image_geometry": "raw",
    "camera.optical_frame_id": "{camera}_optical",
    "camera.ignore_frame_ids": True,
    "camera.depth_unit_m": 0.0001,
    "node.autostart": False,
    "node.cameras": "front, wrist",
    "node.use_compressed": True,
    "node.use_depth": True,
    "node.sync_slop_sec": 0.25,
    "node.sync_queue_size": 3,
    "node.image_reliability": "reliable",
    "node.max_image_age_sec": 0.05,
    "node.read_ahead_max_rate_hz": 10.0,
    "node.frame_timeout_sec": 0.2,
    "node.command_timeout_sec": 0.2,
    "node.fallback_config": "embedded",
    "node.max_image_megapixels": 0.5,
    "node.mode": "track",
    "node.track_reask_sec": 0.05,
    "node.track_min_confidence": 1.0,
    "node.track_max_rate_hz": 0.1,
    "mllm.endpoint": "http://127.0.0.1:8000/v1",
    "mllm.served_family": "gemma4",
    "mllm.api_key_variable": "ROBOT_KEY",
    "mllm.api_key_file": "/models/key",
    "mllm.connect_timeout_sec": 1.5,
    "mllm.first_token_timeout_sec": 5.0,
    "mllm.answer_timeout_sec": 30.0,
    "mllm.retries": 2,
    "mllm.min_image_tokens": 64,
    "mllm.max_image_tokens": 1024,
    "node.target_frame": "base_link",
    "node.broadcast_tf": True,
    "node.overlay_alpha": 1.0,
    "dialog.timeout_sec": 12.0,
    "dialog.point_topic": "picked",
    "record.folder": _BAGS.name,
    "record.max_megabytes": 1,
    "record.only": "failures",
}
AT_START = [name for name in DEFAULTS if SPECS[name].at_start]
LOADED = [name for name in DEFAULTS if SPECS[name].read_only and name not in AT_START]


def image(width: int = 64, height: int = 48) -> Image:
    return scripted_camera.colour_image(
        conversions.make_header(5, "camera"), width, height, grey=100
    )


def change(node: PpcrNode, name: str, value: Any) -> Any:
    (outcome,) = node.set_parameters([Parameter(name, value=value)])
    return outcome


def test_every_option_is_tried_here() -> None:
    assert set(OTHER) == set(DEFAULTS)
    assert all(OTHER[name] != DEFAULTS[name] for name in OTHER)


def test_every_option_is_a_parameter_with_its_meaning(bench: Any) -> None:
    node = bench.start(activate=False)
    for name, default in DEFAULTS.items():
        described = node.describe_parameter(name)
        assert node.get_parameter(name).value == default
        assert described.description == SPECS[name].description
        assert not described.read_only
        assert ("fixed" in described.additional_constraints) == SPECS[name].read_only
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


@pytest.mark.parametrize("name", AT_START)
def test_what_is_fixed_at_start_refuses_a_change(bench: Any, name: str) -> None:
    node = bench.start(activate=False)
    outcome = change(node, name, OTHER[name])
    assert not outcome.successful
    assert f"{name} is fixed as long as the node lives" in outcome.reason
    assert node.get_parameter(name).value == DEFAULTS[name]


def test_what_the_models_were_loaded_with_changes_after_a_cleanup_only(bench: Any) -> None:
    node = bench.start()
    for name in LOADED:
        outcome = change(node, name, OTHER[name])
        assert not outcome.successful
        assert f"{name} is fixed while the models are loaded" in outcome.reason
        assert node.get_parameter(name).value == DEFAULTS[name]
    assert node.trigger_deactivate().name == "SUCCESS"
    assert node.trigger_cleanup().name == "SUCCESS"
    for name in LOADED:
        assert change(node, name, OTHER[name]).successful
    assert node.trigger_configure().name == "SUCCESS"
    loaded = flatten(bench.scripted.configs[-1])
    assert {name: loaded[name] for name in LOADED} == {name: OTHER[name] for name in LOADED}


def test_the_values_that_it_has_can_be_set_again(bench: Any) -> None:
    """What `ros2 param load` does with a dump of the node."""
    node = bench.start()
    same = [Parameter(name, value=value) for name, value in DEFAULTS.items()]
    assert all(outcome.successful for outcome in node.set_parameters(same))


@pytest.mark.skipif(
    not hasattr(PpcrNode, "add_pre_set_parameters_callback"), reason="needs Jazzy or newer"
)
def test_a_whole_number_is_taken_for_a_double(bench: Any) -> None:
    node = bench.start(activate=False, arguments=["--ros-args", "-p", "node.frame_timeout_sec:=5"])
    assert node.get_parameter("node.frame_timeout_sec").value == 5.0
    assert change(node, "node.frame_timeout_sec", 7).successful
    assert node.get_parameter("node.frame_timeout_sec").value == 7.0


def test_parameters_without_effect_are_told_once(
    bench: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.start(activate=False, use_depth=True, device="cpu", piepline__offline=True)
    said = capfd.readouterr().err
    assert said.count("without effect") == 1
    assert "device (is mllm.device or segmenter.device meant?), piepline.offline (is" in said
    assert "use_depth (is node.use_depth meant?)" in said


def test_a_file_reads_alike_with_ros_and_without(bench: Any, tmp_path: Path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text(
        "/**/ppcr: {ros__parameters: {node: {frame_timeout_sec: 5, max_image_age_sec: 1e1}}}\n"
        "/other: {ros__parameters: {node: {mode: track}}}\n"
        "/**: {ros__parameters: {use_sim_time: false, grasp: {min_score: 1}}}\n",
        encoding="utf-8",
    )
    node = bench.start(activate=False, arguments=["--ros-args", "--params-file", str(path)])
    assert node.config == load_config(path)
    assert (node.config.node.max_image_age_sec, node.config.grasp.min_score) == (10.0, 1.0)


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
        ({"node__overlay_alpha": "1"}, "node.overlay_alpha has the wrong type; expected float"),
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
    node = bench.begin(node__use_compressed=True)
    assert node.cameras[""].topics[0] == "/image/compressed"
    png = cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1]
    compressed = CompressedImage(format="png", data=png.tobytes())
    bench.show(compressed, "/image/compressed")
    assert bench.answer().status == ReferringSegmentation.OK


def test_image_reliability_is_what_is_subscribed_with(bench: Any) -> None:
    node = bench.start(node__image_reliability="reliable")
    (info,) = bench.probe.get_subscriptions_info_by_topic("/image") or [None]
    assert node.cameras[""].facts().topics["image"].reliability == "RELIABLE"
    bench.until(lambda: bench.probe.count_subscribers("/image") > 0, "discovery")
    (info,) = bench.probe.get_subscriptions_info_by_topic("/image")
    assert info.qos_profile.reliability.name == "RELIABLE"


def test_max_image_megapixels_is_the_largest_image_that_is_taken(bench: Any) -> None:
    bench.begin(node__max_image_megapixels=0.01)
    square = image(100, 100)
    square.data[:5000] = array("B", bytes([200]) * 5000)  # an image of one colour shows nothing
    bench.show(square)
    assert bench.answer().status == ReferringSegmentation.OK
    bench.show(image(101, 100))
    refused = bench.answer(count=2)
    assert refused.status == ReferringSegmentation.ERROR
    assert "0.0 megapixels; expected at most 0.01" in refused.message


def test_depth_is_synchronised_as_set(bench: Any) -> None:
    node = bench.start(
        node__use_depth=True,
        node__sync_slop_sec=0.25,
        node__sync_queue_size=3,
        camera__depth_wait_sec=0.3,
    )
    assert "/depth" in node.cameras[""].topics
    facts = node.cameras[""].facts().sync
    assert (facts.queue_size, facts.slop_sec, facts.wait_sec) == (3, 0.25, 0.3)


def test_a_change_comes_through_the_parameter_service(bench: Any) -> None:
    from rcl_interfaces.srv import SetParameters

    bench.start()
    request = SetParameters.Request(
        parameters=[Parameter("pipeline.min_confidence", value=0.9).to_parameter_msg()]
    )
    answer = bench.ask(SetParameters, "/ppcr/set_parameters", request)
    assert answer.results[0].successful
    assert bench.node.config.pipeline.min_confidence == 0.9


def test_a_parameter_that_does_not_exist_is_refused_by_its_name(bench: Any) -> None:
    from rcl_interfaces.srv import SetParameters, SetParametersAtomically

    bench.start()
    wrong = Parameter("piepline.min_confidence", value=0.9).to_parameter_msg()
    right = Parameter("pipeline.min_confidence", value=0.9).to_parameter_msg()
    each = SetParameters.Request(parameters=[wrong, right])
    refused, taken = bench.ask(SetParameters, "/ppcr/set_parameters", each).results
    assert not refused.successful
    assert "piepline.min_confidence (is pipeline.min_confidence meant?)" in refused.reason
    assert taken.successful
    together = SetParametersAtomically.Request(parameters=[right, wrong])
    service = "/ppcr/set_parameters_atomically"
    answer = bench.ask(SetParametersAtomically, service, together).result
    assert (answer.successful, "piepline" in answer.reason) == (False, True)

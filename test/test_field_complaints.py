"""What users of other perception nodes complain of, each held against this one.

Each test is named by what the user suffers; where another test goes deeper, it is pointed at, and
the pointer is checked.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

import ppcr_ros
from ppcr_ros.core.config import Config, load_config
from ppcr_ros.core.errors import ModelLoadError, PromptParseError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Status

TEST = Path(__file__).resolve().parent
PACKAGE = Path(ppcr_ros.__file__).parent
CONFIG = TEST.parent / "config"
WEIGHTS = PACKAGE / "weights" / "embedded" / "mllm" / "model.safetensors"
needs_weights = pytest.mark.skipif(
    find_spec("torch") is None or not WEIGHTS.is_file(),
    reason=f"needs torch and the embedded weights: {WEIGHTS}",
)
needs_ros = pytest.mark.skipif(find_spec("rclpy") is None, reason="needs ROS 2 (rclpy)")


def goes_deeper(file: str, *tests: str) -> None:
    """Assert that ``test/file`` has the tests that cover the rest of a complaint."""
    tree = ast.parse((TEST / file).read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert names >= set(tests), f"{file} lacks {sorted(set(tests) - names)}"


@needs_ros
def test_1_nothing_comes_out_and_nothing_says_why() -> None:
    """mgonzs13/yolo_ros 17, 27: QoS mismatch; 25, 54: a topic that nobody publishes."""
    from rclpy.qos import ReliabilityPolicy

    from ppcr_ros.health.topic_findings import (
        IMAGE_TYPE,
        Endpoint,
        GraphFacts,
        TopicFacts,
        camera_topic_findings,
    )
    from ppcr_ros.ros.qos import wanted_reliability

    best_effort, reliable = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE
    assert wanted_reliability("auto", [best_effort]) == best_effort
    assert wanted_reliability("auto", [reliable, best_effort]) == best_effort
    camera = Endpoint("/camera", IMAGE_TYPE, reliability="BEST_EFFORT")
    asked = TopicFacts("image", "/image", IMAGE_TYPE, "RELIABLE", (camera,), quiet_sec=60.0)
    (mismatch,) = camera_topic_findings(asked, GraphFacts())
    assert mismatch.code == "qos_reliability"
    unheard = TopicFacts("image", "/image", IMAGE_TYPE, "RELIABLE", quiet_sec=60.0)
    others = GraphFacts(published={"/cam/image_raw": (IMAGE_TYPE,)})
    (nobody,) = camera_topic_findings(unheard, others)
    assert nobody.code == "no_publisher"
    assert "/cam/image_raw" in nobody.text
    goes_deeper("ros/test_health.py", "test_a_qos_that_never_matches_is_told_at_once_and_only_once")
    goes_deeper("service/test_worker.py", "test_a_command_runs_on_the_newest_frame")
    goes_deeper("ros/test_bad_input.py", "test_a_command_before_the_node_is_active_is_told")


def test_2_images_lag_behind_and_the_node_freezes() -> None:
    """mgonzs13/yolo_ros 77, 61: work in the callback. Here it only stashes what it was given."""
    from ppcr_ros.service.requests import Snapshot
    from ppcr_ros.service.worker import CommandWorker

    def never() -> Frame:
        raise AssertionError("a frame was converted in the callback")

    results: list[Any] = []
    outlet = SimpleNamespace(
        stage=lambda *_: None, result=lambda result, _: results.append(result), cleared=lambda: None
    )
    pipeline: Any = SimpleNamespace(models=None, run=None)
    worker = CommandWorker(pipeline, LiveConfig(), outlet)
    for stamp in range(1000):
        worker.offer(Snapshot(never, stamp_ns=stamp))
    assert worker.report().frames_received == 1000
    assert worker.report().frames_used == 0
    goes_deeper("service/test_worker.py", "test_frames_that_no_command_needs_are_never_converted")


@needs_ros
def test_3_yuyv_fails_and_compressed_topics_are_not_taken() -> None:
    """mgonzs13/yolo_ros 74, Alpaca-zip/ultralytics_ros 87."""
    import io

    from PIL import Image

    from ppcr_ros.camera.compressed import decode_compressed
    from ppcr_ros.camera.encodings import decode_colour

    grey = bytes([100, 128] * 4)
    yuyv = SimpleNamespace(
        width=2, height=2, step=4, encoding="yuv422_yuy2", is_bigendian=0, data=grey
    )
    assert np.ptp(decode_colour(yuyv), axis=2).max() <= 2
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), (255, 0, 0)).save(buffer, "PNG")
    red = decode_compressed(SimpleNamespace(format="png", data=buffer.getvalue()))
    assert red.reshape(-1, 3).tolist() == [[255, 0, 0]] * 12
    goes_deeper("camera/test_encodings.py", "test_every_colour_encoding_gives_red_green_blue")


def test_4_it_cannot_be_run_offline_or_with_my_own_checkpoint(tmp_path: Path) -> None:
    """luca-medeiros/lang-segment-anything 62, 27; facebookresearch/segment-anything 829."""
    pytest.importorskip("torch", reason="needs torch")
    from ppcr_ros.models import factory

    assert Config().pipeline.offline
    assert all(load_config(path).pipeline.offline for path in CONFIG.glob("*.yaml"))
    mine = tmp_path / "own.yaml"
    text = yaml.safe_dump({"/**": {"ros__parameters": {"mllm": {"model": str(tmp_path / "own")}}}})
    mine.write_text(text, encoding="utf-8")
    config = load_config(mine)
    with pytest.raises(ModelLoadError, match="own"):
        factory.load_mllm(config.mllm, offline=True)
    goes_deeper("models/test_factory.py")


def test_5_it_crashes_when_nothing_is_found(loaded: list[Config]) -> None:
    """IDEA-Research/Grounded-SAM-2 64, Grounded-Segment-Anything 26."""
    from ppcr_ros.models.factory import build_pipeline

    with build_pipeline(Config()) as pipeline:
        frame = Frame(np.zeros((48, 64, 3), np.uint8))
        result = pipeline.run(frame, "the unicorn")
        assert result.status is Status.NOT_FOUND
        assert result.segmentation is None
        assert result.message
        assert pipeline.run(frame, "the green ball").status is Status.OK


@needs_weights
def test_6_the_left_lion_grounds_every_lion() -> None:
    """IDEA-Research/GroundingDINO 406: a place picks one object, however many are of its kind."""
    from ppcr_lab.sim.recording import RecordedScene, load_recording
    from ppcr_ros.models.factory import build_pipeline

    def taken(mask: Any, scene: RecordedScene, category: str) -> int:
        """How many objects of a kind the mask takes more than half of."""
        return sum(
            (mask & scene.view.mask_of(number)).sum() > 0.5 * scene.view.mask_of(number).sum()
            for number, item in enumerate(scene.objects)
            if item.category == category and scene.view.mask_of(number).any()
        )

    answered: list[int] = []
    with build_pipeline(Config()) as pipeline:
        for scene in load_recording().scenes:
            kinds = [item.category for item in scene.objects]
            for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1}):
                for place in ("furthest to the left", "furthest to the right"):
                    result = pipeline.run(Frame(rgb=scene.view.rgb), f"the {kind} {place}")
                    if result.segmentation is not None:
                        answered.append(taken(result.segmentation.mask, scene, kind))
    assert len(answered) >= 8
    assert max(answered) <= 1, answered


def test_7_boxes_are_at_the_wrong_scale() -> None:
    """QwenLM/Qwen3-VL 676, 947, 1210; ggml-org/llama.cpp 17131, 16880."""
    from ppcr_ros.models.mllm import qwen2_5_vl, qwen3_vl

    answer = Answer('{"bbox_2d": [100, 100, 300, 200]}', image_size_px=(1288, 728))
    grid = qwen3_vl.FAMILY.parse_spatial(answer, width_px=1920, height_px=1080)
    np.testing.assert_allclose(grid.box_xyxy_px, [192, 108, 576, 216], rtol=1e-5)
    pixels = qwen2_5_vl.FAMILY.parse_spatial(answer, width_px=1920, height_px=1080)
    np.testing.assert_allclose(pixels.box_xyxy_px, [149.07, 148.35, 447.2, 296.7], atol=0.01)
    goes_deeper(
        "models/mllm/test_coordinates.py",
        "test_a_box_is_where_it_was_written",
        "test_x_and_y_are_not_exchanged",
    )


def test_8_the_box_parser_fails_on_some_answers() -> None:
    """dvlab-research/Seg-Zero 89."""
    from ppcr_lab.robustness.faults import fuzzed_answers
    from ppcr_lab.robustness.outcome import Plan

    outcome = fuzzed_answers.run(Plan(short=True, seed=8))
    assert outcome.tried == 500
    assert outcome.crashed == 0
    with pytest.raises(PromptParseError, match="holds no JSON"):
        fuzzed_answers.FAMILIES[2].parse_spatial(Answer("well"), width_px=64, height_px=48)


def test_9_it_does_not_fit_into_memory() -> None:
    """dvlab-research/LISA 30, QwenLM/Qwen3-VL 1847: each configuration says what it takes."""
    from ppcr_ros.core.config import config_from_flat

    for path in set(CONFIG.glob("*.yaml")) - {CONFIG / "ppcr.yaml"}:
        said = path.read_text(encoding="utf-8")
        assert "GB" in said or "memory is not in docs/sizing.md" in said, path
    for bits in ("int8", "int4"):
        assert config_from_flat({"mllm.quantization": bits}).mllm.quantization == bits
    goes_deeper("models/test_loading.py")


def test_10_latency_spikes_and_nobody_can_tell_where_from(loaded: list[Config]) -> None:
    """facebookresearch/sam2 680, NVIDIA-AI-IOT/nanosam 25: each stage's time is in the result."""
    from ppcr_ros.models.factory import build_pipeline

    with build_pipeline(Config()) as pipeline:
        assert isinstance(pipeline, PPCRPipeline)
        seconds = pipeline.run(Frame(np.zeros((48, 64, 3), np.uint8)), "the green ball").seconds
    stages = (seconds.semantic, seconds.spatial, seconds.encode, seconds.segmentation)
    assert all(value > 0 for value in stages)
    assert seconds.total >= seconds.semantic + seconds.spatial + seconds.segmentation
    message = (TEST.parent / "msg" / "ReferringSegmentation.msg").read_text(encoding="utf-8")
    for name in ("semantic", "spatial", "encode", "segmentation", "total"):
        assert f"float32 {name}_seconds" in message


def test_11_calls_time_out_while_the_model_loads_and_it_loads_twice(loaded: list[Config]) -> None:
    """RobotecAI/rai 750, 764: it is loaded once, before the first command, and says so once."""
    pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
    from ppcr_ros.service.loading import build_models, load_pipeline

    said: list[str] = []
    pipeline = load_pipeline(build_models, LiveConfig(), said.append)
    try:
        frame = Frame(np.zeros((48, 64, 3), np.uint8))
        assert all(pipeline.run(frame, "the green ball").status is Status.OK for _ in range(5))
    finally:
        pipeline.close()
    assert len(loaded) == 1
    assert len(said) == 2
    goes_deeper("ros/test_bad_input.py", "test_a_command_before_the_node_is_active_is_told")

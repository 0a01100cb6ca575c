"""The node's recorder over real DDS: the very image, the words and what was said, in a bag."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")
pytest.importorskip("rosbags", reason="needs rosbags (pip install rosbags)")

from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from ppcr_lab import scripted_camera
from ppcr_ros.core.config import Config
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.replay.bag import our_bags
from ppcr_ros.replay.bag_reader import RecordedDecision, read_bag
from ppcr_ros.replay.info import weights_checksums
from ppcr_ros.replay.player import Player, Replay, ReplayOptions, Verdict
from ppcr_ros.ros import conversions
from ppcr_ros.ros.record_client import LiveRecording, NodeNotReachedError

RESULT = "/ppcr/result"
PATIENT = {"node__max_image_age_sec": 3600.0}
"""On a busy machine a command may come long after its image."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bags"


@pytest.fixture(autouse=True)
def _torch_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppcr_ros.replay.player.set_torch_threads", lambda threads: None)


def picture(encoding: str, seconds: float = 1.5, seed: int = 1) -> Any:
    """A camera's message of noise in one of its formats."""
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    header = conversions.make_header(round(seconds * 1e9), "camera")
    if encoding == "jpeg":
        import cv2

        message = CompressedImage(header=header, format="jpeg")
        message.data.frombytes(cv2.imencode(".jpg", pixels)[1].tobytes())
        return message
    channels = {"mono8": 1, "yuyv": 2}.get(encoding, 3)
    message = Image(header=header, width=64, height=48, encoding=encoding, step=64 * channels)
    message.data.frombytes(np.ascontiguousarray(pixels[..., :channels]).tobytes())
    return message


def run(bench: Any, folder: Path, command: str, count: int = 1) -> list[Path]:
    """Say ``command``, wait for its result and its bag, and give all bags."""
    before = len(our_bags(folder))
    bench.answer(command, count)
    bench.until(lambda: len(our_bags(folder)) > before, "the bag")
    return our_bags(folder)


def start(bench: Any, folder: Path, **values: Any) -> None:
    bench.begin(record__folder=str(folder), **PATIENT, **values)


def replay(bench: Any, bags: list[Path]) -> list[Replay]:
    with Player(ReplayOptions(), bench.scripted.build) as player:
        return list(player.replay(bags))


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "mono8", "yuyv", "jpeg"])
def test_the_very_image_is_recorded_and_the_replay_is_equal(
    bench: Any, folder: Path, encoding: str
) -> None:
    start(bench, folder, node__use_compressed=encoding == "jpeg")
    image = picture(encoding)
    bench.show(image, "/image/compressed" if encoding == "jpeg" else "/image")
    (bag,) = run(bench, folder, "  could you grab\tthe red mug ")
    frame = bench.scripted.mllm.frames[0]
    (found,) = read_bag(bag)
    assert found.command == "  could you grab\tthe red mug "
    assert bytes(found.image.data) == bytes(image.data)
    assert found.info is not None
    assert found.info.weights_sha256 == weights_checksums(Config())
    assert found.info.topics == {
        "image": "/image/compressed" if encoding == "jpeg" else "/image",
        "command": "/ppcr/command",
        "semantic_prompt": "/ppcr/semantic_prompt",
        "spatial_prompt": "/ppcr/spatial_prompt",
        "result": RESULT,
    }
    (item,) = replay(bench, [bag])
    assert (item.verdict, item.setup) == (Verdict.SAME, ())
    assert item.frame is not None
    assert np.array_equal(item.frame.rgb, frame.rgb)


def test_the_recorded_result_is_the_published_one(bench: Any, folder: Path) -> None:
    from rosbags.highlevel import AnyReader

    start(bench, folder)
    bench.show(picture("rgb8"))
    (bag,) = run(bench, folder, "the red mug")
    (published,) = bench.wait(RESULT)
    with AnyReader([bag]) as reader:
        (recorded,) = (
            reader.deserialize(raw, item.msgtype)
            for item, _, raw in reader.messages()
            if item.topic == RESULT
        )
    for name, kind in published.get_fields_and_field_types().items():
        if "/" not in kind:  # messages of a reader's own classes are never equal to the published
            assert _plain(getattr(recorded, name)) == _plain(getattr(published, name)), name
    (instance,) = recorded.instances
    assert bytes(instance.mask.data) == bytes(published.instances[0].mask.data)
    assert bytes(recorded.mask.data) == bytes(published.mask.data)
    for name in ("graspable", "reason", "width_m", "valid_depth_pixels", "on_support"):
        assert getattr(recorded.grasp, name) == getattr(published.grasp, name), name
    assert (
        recorded.spatial_prompt.box_xyxy_px.tolist()
        == published.spatial_prompt.box_xyxy_px.tolist()
    )


def test_depth_and_camera_info_are_recorded(bench: Any, folder: Path) -> None:
    start(bench, folder, node__use_depth=True)
    info, depth = scripted_camera.camera_info(Header()), noisy_depth()
    bench.inform(info)
    bench.show(picture("rgb8"), depth=depth)
    (bag,) = run(bench, folder, "the red mug")
    check_depth(read_bag(bag)[0], info, depth)
    (item,) = replay(bench, [bag])
    assert item.verdict is Verdict.SAME
    assert item.frame is not None
    assert item.frame.depth_m is not None
    assert np.array_equal(item.frame.depth_m, bench.scripted.mllm.frames[0].depth_m)
    assert np.array_equal(item.frame.camera_matrix, bench.scripted.mllm.frames[0].camera_matrix)


def test_the_recorder_keeps_what_a_snapshot_was_made_from(bench: Any, folder: Path) -> None:
    """Depth and camera_info without message_filters: the snapshot is offered by hand."""
    from ppcr_ros.ros.subscriptions import CameraInputs

    start(bench, folder)
    info, depth = scripted_camera.camera_info(Header()), noisy_depth()
    inputs: CameraInputs = bench.node.cameras[""]
    inputs.receive_info(info)
    inputs.receive(picture("rgb8"), depth)
    (bag,) = run(bench, folder, "the red mug")
    check_depth(read_bag(bag)[0], info, depth)
    (item,) = replay(bench, [bag])
    assert item.verdict is Verdict.SAME
    assert item.frame is not None
    assert np.array_equal(item.frame.depth_m, bench.scripted.mllm.frames[0].depth_m)
    assert np.array_equal(item.frame.camera_matrix, bench.scripted.mllm.frames[0].camera_matrix)


def noisy_depth() -> Image:
    values = np.random.default_rng(2).integers(0, 9000, (48, 64), "<u2")
    return scripted_camera.depth_image(picture("rgb8").header, values)


def check_depth(found: RecordedDecision, info: CameraInfo, depth: Image) -> None:
    assert bytes(found.depth.data) == bytes(depth.data)
    assert found.depth.encoding == "16UC1"
    assert found.camera_info.k.tolist() == list(info.k)


@pytest.mark.parametrize(
    ("command", "status", "verdict"),
    [
        ("the unicorn", "NOT_FOUND", Verdict.SAME),
        ("the twins", "AMBIGUOUS", Verdict.SAME),
        ("explode", "ERROR", Verdict.SAME),
        ("stop", "CANCELLED", Verdict.NOT_COMPARED),
        ("?!", "ERROR", Verdict.NOT_COMPARED),
    ],
)
def test_failures_are_recorded_and_replayed(
    bench: Any, folder: Path, command: str, status: str, verdict: Verdict
) -> None:
    start(bench, folder)
    bench.show(picture("rgb8"))
    bags = run(bench, folder, command)
    (item,) = replay(bench, bags)
    assert item.recording is not None
    assert item.recording.command == command
    assert item.recording.result.status.name == status
    assert status.lower() in bags[0].name
    assert item.verdict is verdict, item


def test_an_image_that_cannot_be_used_is_recorded_and_refused_alike(
    bench: Any, folder: Path
) -> None:
    start(bench, folder)
    image = picture("rgb8")
    image.encoding = "16UC3"
    bench.show(image)
    (item,) = replay(bench, run(bench, folder, "the red mug"))
    assert item.verdict is Verdict.SAME
    assert item.replayed is not None
    assert "16UC3" in item.replayed.message


def test_an_option_that_changes_during_a_run_is_recorded_as_the_run_went_by_it(
    bench: Any, folder: Path
) -> None:
    start(bench, folder)
    bench.show(picture("rgb8"))
    bench.scripted.mllm.gate.clear()
    bench.say("the red mug")
    assert bench.scripted.mllm.asked.wait(180)
    bench.node.set_parameters([Parameter("pipeline.min_confidence", value=0.95)])
    bench.scripted.mllm.gate.set()
    bench.wait(RESULT)
    bench.until(lambda: our_bags(folder) != [], "the bag")
    (item,) = replay(bench, our_bags(folder))
    assert item.recording is not None
    assert item.recording.result.status.name == "OK"
    assert item.verdict is Verdict.SAME


def test_without_an_image_only_the_words_and_the_result_are_recorded(
    bench: Any, folder: Path
) -> None:
    start(bench, folder, node__frame_timeout_sec=0.2)
    unusable = picture("rgb8", seconds=0.0)  # without a stamp, as a result without an image
    unusable.encoding = "16UC3"
    bench.show(unusable)
    (bag,) = run(bench, folder, "the red mug")
    assert bench.node.trigger_deactivate().name == "SUCCESS"
    assert bench.node.trigger_activate().name == "SUCCESS"  # its images are gone
    bag = next(path for path in run(bench, folder, "the blue mug", count=2) if path != bag)
    (item,) = replay(bench, [bag])
    assert item.verdict is Verdict.NOT_COMPARED
    assert "the bag holds no image for it: no image to search within" in item.reason


def test_only_failures_are_recorded_where_that_is_asked(bench: Any, folder: Path) -> None:
    start(bench, folder, record__only="failures")
    bench.show(picture("rgb8"))
    bench.answer()
    (bag,) = run(bench, folder, "the unicorn", count=2)
    assert "not_found" in bag.name


def test_a_live_option_of_the_moment_is_recorded(bench: Any, folder: Path) -> None:
    start(bench, folder)
    bench.show(picture("rgb8"))
    bench.node.set_parameters([Parameter("pipeline.min_confidence", value=0.95)])
    (item,) = replay(bench, run(bench, folder, "the red mug"))
    assert item.recording is not None
    assert item.recording.result.status.name == "LOW_CONFIDENCE"
    assert item.verdict is Verdict.SAME


def test_a_folder_that_cannot_be_written_does_not_stop_the_robot(
    bench: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    start(bench, tmp_path / "file" / "bags")
    bench.show(picture("rgb8"))
    assert bench.answer().status == ReferringSegmentation.OK
    assert "nothing is recorded for now" in capfd.readouterr().err
    (answer,) = bench.node.set_parameters([Parameter("pipeline.min_confidence", value=0.5)])
    assert answer.successful  # another option can be changed all the same


def test_remapped_topics_keep_their_names(bench: Any, folder: Path) -> None:
    arguments = ["--ros-args", "-r", "image:=/arm/camera/color", "-r", "__ns:=/left_arm"]
    bench.start(record__folder=str(folder), **PATIENT, arguments=arguments)
    bench.listen(ReferringSegmentation, "/left_arm/ppcr/result")
    bench.show(picture("rgb8"), "/arm/camera/color")
    from std_msgs.msg import String

    bench.publish(String(data="the red mug"), "/left_arm/ppcr/command")
    bench.until(lambda: bool(our_bags(folder)), "the bag")
    (found,) = read_bag(our_bags(folder)[0])
    assert found.info is not None
    assert found.info.topics["image"] == "/arm/camera/color"
    assert found.info.topics["command"] == "/left_arm/ppcr/command"
    assert found.info.topics["result"] == "/left_arm/ppcr/result"


def test_another_process_turns_recording_on_and_off_again(bench: Any, folder: Path) -> None:
    bench.begin(**PATIENT)
    bench.show(picture("rgb8"))
    said: list[str] = []
    values = {"record.folder": str(folder), "record.only": "failures"}
    with LiveRecording("ppcr", values, context=bench.context) as live:
        assert bench.node.config.record.folder == str(folder)
        teller = threading.Thread(
            target=lambda: (
                bench.until(lambda: bench.node.count_subscribers(RESULT) > 1, "the follower"),
                bench.say("the unicorn"),
            )
        )
        teller.start()
        assert live.follow(said.append, count=1) == 1
        teller.join()
        bench.until(lambda: len(our_bags(folder)) == 1, "the bag")
    assert bench.node.config.record.folder == ""
    assert bench.node.config.record.only == "all"
    assert said[0].startswith("NOT_FOUND")
    assert "'the unicorn'" in said[0]
    bench.answer("the unicorn again", 2)
    assert len(our_bags(folder)) == 1


def test_a_refused_folder_and_a_node_that_is_not_there_are_told(bench: Any, tmp_path: Path) -> None:
    bench.start()
    (tmp_path / "file").write_text("x")
    values = {"record.folder": str(tmp_path / "file" / "bags")}
    with (
        pytest.raises(NodeNotReachedError, match=r"/ppcr refuses: record\.folder"),
        LiveRecording("/ppcr", values, context=bench.context),
    ):
        pass
    with (
        pytest.raises(NodeNotReachedError, match=r"no node /nobody answers within 0\.2 s"),
        LiveRecording("/nobody", values, context=bench.context, wait_sec=0.2),
    ):
        pass


@pytest.mark.parametrize("ending", ["count", "Ctrl-C", "SIGTERM"])
def test_ppcr_record_of_a_running_node(bench: Any, folder: Path, ending: str) -> None:
    bench.begin(**PATIENT)
    bench.show(picture("rgb8"))
    command = [sys.executable, "-m", "ppcr_ros.cli", "record", "--into", str(folder)]
    command += ["--count", "1"] if ending == "count" else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        bench.until(lambda: bench.node.count_subscribers(RESULT) > 1, "ppcr record", 60)
        assert bench.node.config.record.folder == str(folder)
        bench.answer()
        bench.until(lambda: len(our_bags(folder)) == 1, "the bag")
        if ending != "count":
            process.send_signal(signal.SIGINT if ending == "Ctrl-C" else signal.SIGTERM)
        shown, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert f"/ppcr records into {folder}" in shown
    assert bench.node.config.record.folder == ""


def _plain(value: Any) -> Any:
    """Arrays of numbers, which one side has as NumPy's, as lists."""
    return value if isinstance(value, str) or not hasattr(value, "__len__") else list(value)

"""The camera over real topics: what it publishes, and what each parameter does."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("rclpy", reason="rclpy is not installed: source a ROS 2 distribution")

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, Int32

from ppcr_lab.sim.camera_node import CameraNode, image_message, main
from ppcr_lab.sim.recording import SceneRecording, load_recording, save_recording
from ppcr_lab.sim.view_sources import SWAY_M, LiveViews, swayed, to_and_fro_sec

TIMEOUT_SEC = 180.0
FAST_HZ = 20.0


@pytest.fixture(scope="module")
def recording() -> SceneRecording:
    return load_recording()


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch, take_domain: Callable[[], int]) -> Iterator[Context]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = Context()
    rclpy.init(args=[], context=context, domain_id=take_domain())
    yield context
    context.try_shutdown()


@dataclass
class Watched:
    """A camera and all that it has published so far."""

    camera: CameraNode
    listener: Node
    executor: SingleThreadedExecutor
    images: list[Image] = field(default_factory=list)
    depths: list[Image] = field(default_factory=list)
    infos: list[CameraInfo] = field(default_factory=list)
    shown: list[Header] = field(default_factory=list)

    def spin_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SEC
        while not done():
            assert time.monotonic() < deadline, "the camera published nothing that ends the wait"
            self.executor.spin_once(timeout_sec=0.05)

    def names(self) -> list[str]:
        return [header.frame_id for header in self.shown]


@pytest.fixture
def watch(context: Context) -> Iterator[Callable[..., Watched]]:
    """Starts a camera with parameters, its topics subscribed to."""
    opened: list[Watched] = []

    def start(**parameters: Any) -> Watched:
        overrides = [
            Parameter(name, value=value)
            for name, value in {"rate_hz": FAST_HZ, **parameters}.items()
        ]
        camera = CameraNode(context=context, parameter_overrides=overrides)
        listener = Node("listener", context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(camera)
        executor.add_node(listener)
        watched = Watched(camera, listener, executor)
        sensor = qos_profile_sensor_data
        subscribe = listener.create_subscription
        subscribe(Image, "/camera/image_raw", watched.images.append, sensor)
        subscribe(Image, "/camera/depth/image_raw", watched.depths.append, sensor)
        subscribe(CameraInfo, "/camera/camera_info", watched.infos.append, sensor)
        subscribe(Header, "/camera/scene_shown", watched.shown.append, QoSProfile(depth=50))
        opened.append(watched)
        return watched

    yield start
    for watched in opened:
        watched.executor.shutdown()
        watched.camera.destroy_node()
        watched.listener.destroy_node()


def pixels_of(image: Image, dtype: type, channels: int) -> NDArray[Any]:
    flat = np.frombuffer(image.data, dtype)
    assert image.step == image.width * channels * np.dtype(dtype).itemsize
    return flat.reshape(image.height, image.width, channels).squeeze()


def key(header: Header) -> tuple[int, int]:
    return header.stamp.sec, header.stamp.nanosec


def test_publishes_the_recorded_frame_with_one_stamp(
    watch: Callable[..., Watched], recording: SceneRecording
) -> None:
    watched = watch()

    def whole() -> set[tuple[int, int]]:
        streams = (watched.images, watched.depths, watched.infos)
        stamps = [{key(message.header) for message in stream} for stream in streams]
        return set.intersection(*stamps, {key(header) for header in watched.shown})

    watched.spin_until(lambda: bool(whole()))
    stamp = whole().pop()
    image, depth, info = (
        next(message for message in stream if key(message.header) == stamp)
        for stream in (watched.images, watched.depths, watched.infos)
    )
    view = recording.scenes[0].view
    assert (image.encoding, depth.encoding) == ("rgb8", "16UC1")
    np.testing.assert_array_equal(pixels_of(image, np.uint8, 3), view.rgb)
    np.testing.assert_array_equal(pixels_of(depth, np.uint16, 1), view.depth_mm)
    assert (info.width, info.height, info.distortion_model) == (640, 480, "plumb_bob")
    np.testing.assert_allclose(np.reshape(info.k, (3, 3)), view.camera_matrix)
    np.testing.assert_allclose(np.reshape(info.p, (3, 4))[:, :3], view.camera_matrix)
    frames = {message.header.frame_id for message in (image, depth, info)}
    assert frames == {"camera_color_optical_frame"}
    assert set(watched.names()) == {recording.scenes[0].name}


def test_stamps_are_now_and_rise(watch: Callable[..., Watched]) -> None:
    watched = watch()
    before = watched.camera.get_clock().now().nanoseconds
    watched.spin_until(lambda: len(watched.shown) >= 3)
    after = watched.camera.get_clock().now().nanoseconds
    stamps = [sec * 1_000_000_000 + nanosec for sec, nanosec in map(key, watched.shown)]
    assert before <= stamps[0] < stamps[1] < stamps[2] <= after


def test_scene_topic_changes_the_scene_and_a_wrong_number_does_not(
    watch: Callable[..., Watched], recording: SceneRecording
) -> None:
    watched = watch()
    chooser = watched.listener.create_publisher(Int32, "/camera/scene", 10)
    watched.spin_until(lambda: bool(watched.shown) and chooser.get_subscription_count() > 0)
    chooser.publish(Int32(data=3))
    watched.spin_until(lambda: watched.names()[-1] == recording.scenes[3].name)
    stamp = key(watched.shown[-1])
    watched.spin_until(lambda: any(key(image.header) >= stamp for image in watched.images))
    np.testing.assert_array_equal(
        pixels_of(watched.images[-1], np.uint8, 3), recording.scenes[3].view.rgb
    )
    chooser.publish(Int32(data=99))
    chooser.publish(Int32(data=-1))
    chooser.publish(Int32(data=2))
    watched.spin_until(lambda: watched.names()[-1] == recording.scenes[2].name)
    wanted = [recording.scenes[number].name for number in (0, 3, 2)]
    assert [name for name, _ in itertools.groupby(watched.names())] == wanted


def test_parameters_scene_and_frame_id(
    watch: Callable[..., Watched], recording: SceneRecording
) -> None:
    watched = watch(scene=5, frame_id="wrist_optical_frame")
    watched.spin_until(lambda: bool(watched.images and watched.shown))
    assert watched.images[0].header.frame_id == "wrist_optical_frame"
    assert watched.names()[0] == recording.scenes[5].name


def test_parameter_recording(
    watch: Callable[..., Watched], recording: SceneRecording, tmp_path: Path
) -> None:
    save_recording(SceneRecording(recording.scenes[4:5]), tmp_path)
    watched = watch(recording=str(tmp_path))
    watched.spin_until(lambda: bool(watched.shown))
    assert watched.names()[0] == recording.scenes[4].name


def test_parameter_cycle_sec(watch: Callable[..., Watched], recording: SceneRecording) -> None:
    watched = watch(cycle_sec=0.2, scene=len(recording.scenes) - 1)
    watched.spin_until(lambda: len(set(watched.names())) >= 3)
    order = [name for name, _ in itertools.groupby(watched.names())]
    assert order[:3] == [recording.scenes[number].name for number in (-1, 0, 1)]


@pytest.mark.parametrize("name", ["best_effort", "reliable"])
def test_parameter_reliability(watch: Callable[..., Watched], name: str) -> None:
    watched = watch(reliability=name)
    watched.spin_until(lambda: bool(watched.shown))
    for topic in ("image_raw", "depth/image_raw", "camera_info"):
        (offer,) = watched.camera.get_publishers_info_by_topic(f"/camera/{topic}")
        assert offer.qos_profile.reliability == ReliabilityPolicy[name.upper()]


def test_parameter_rate_hz(watch: Callable[..., Watched]) -> None:
    watched = watch(rate_hz=4.0)
    assert [timer.timer_period_ns for timer in watched.camera.timers] == [250_000_000]


def test_parameter_live_renders_what_the_stamp_says(
    watch: Callable[..., Watched], recording: SceneRecording
) -> None:
    try:
        views = LiveViews(recording)
    except RuntimeError as error:
        pytest.skip(str(error))
    watched = watch(live=True, rate_hz=2.0, scene=1)
    watched.spin_until(lambda: bool(watched.images))
    sec, nanosec = key(watched.images[0].header)
    expected = views.view(1, sec * 1_000_000_000 + nanosec)
    views.close()
    np.testing.assert_array_equal(pixels_of(watched.images[0], np.uint8, 3), expected.rgb)
    assert set(np.unique(expected.instance)) == set(np.unique(recording.scenes[1].view.instance))


def test_parameter_moving_renders_the_motion_at_the_stamp(
    watch: Callable[..., Watched], recording: SceneRecording
) -> None:
    try:
        views = LiveViews(recording, moving=True)
    except RuntimeError as error:
        pytest.skip(str(error))
    watched = watch(moving=True, rate_hz=1.0, scene=1)
    watched.spin_until(lambda: bool(watched.images))
    sec, nanosec = key(watched.images[0].header)
    expected = views.view(1, sec * 1_000_000_000 + nanosec)
    views.close()
    np.testing.assert_array_equal(pixels_of(watched.images[0], np.uint8, 3), expected.rgb)


def test_the_motions_time_runs_to_and_fro() -> None:
    epoch_ns = 1_795_494_400_000_000_000
    times_sec = [to_and_fro_sec(epoch_ns + step * 5_000_000_000) for step in range(5)]
    assert times_sec == [0.0, 5.0, 10.0, 5.0, 0.0]


def test_live_scene_sways_a_little_and_comes_back() -> None:
    from ppcr_lab.sim.scene import sample_scene, scene_rng

    scene = sample_scene(scene_rng("demo", 0))
    stamps_ns = [1_795_494_397_000_000_000 + step * 1_000_000_000 for step in range(9)]
    columns = np.array(
        [[item.position_m[0] for item in swayed(scene, stamp).objects] for stamp in stamps_ns]
    )
    still = np.array([item.position_m[0] for item in scene.objects])
    assert np.abs(columns - still).max() <= SWAY_M + 1e-12
    assert np.ptp(columns, axis=0).min() > SWAY_M
    np.testing.assert_allclose(columns[8], columns[0], atol=1e-9)


def test_what_stands_on_a_plate_sways_with_it() -> None:
    from ppcr_lab.sim.scene import sample_scene, scene_rng

    scenes = [sample_scene(scene_rng("demo", index)) for index in range(12)]
    riders = 0
    for scene in scenes:
        moved = swayed(scene, 1_500_000_000).objects
        for before, after in zip(scene.objects, moved, strict=True):
            if before.support is not None:
                riders += 1
                host_before, host_after = scene.objects[before.support], moved[before.support]
                np.testing.assert_allclose(
                    np.subtract(after.position_m, host_after.position_m),
                    np.subtract(before.position_m, host_before.position_m),
                )
    assert riders > 0


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("rate_hz:=0.0", "rate_hz out of range"),
        ("scene:=12", "scene out of range"),
        ("cycle_sec:=-1.0", "cycle_sec out of range"),
        ("live:=perhaps", "'live' to 'perhaps'"),
        ("frame_id:=7", "'frame_id'"),
        ("reliability:=often", "'often'; expected best_effort or reliable"),
        ("recording:=/nowhere", "/nowhere/recording.json"),
    ],
)
def test_bad_parameter_is_refused_in_words(
    parameter: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    take_domain: Callable[[], int],
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(take_domain()))
    assert main(["--ros-args", "-p", parameter]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_live_without_mujoco_is_refused_in_words(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    take_domain: Callable[[], int],
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(take_domain()))
    monkeypatch.delitem(sys.modules, "mujoco", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    assert main(["--ros-args", "-p", "live:=true"]) == 1
    assert "pip install mujoco" in capsys.readouterr().err


def test_image_message_of_a_cut_out_array() -> None:
    wide = np.arange(4 * 6, dtype=np.uint16).reshape(4, 6)
    message = image_message(wide[1:3, 2:5], "16UC1")
    assert (message.height, message.width, message.step) == (2, 3, 6)
    np.testing.assert_array_equal(pixels_of(message, np.uint16, 1), wide[1:3, 2:5])


def test_a_parameter_without_effect_is_told_with_the_likely_name(
    watch: Callable[..., Watched], capfd: pytest.CaptureFixture[str]
) -> None:
    watch(reliabilty="reliable", use_depth=True, scene=1)
    said = capfd.readouterr().err
    assert said.count("without effect") == 1
    assert "reliabilty (is reliability meant?)" in said
    assert "use_depth" in said
    assert "rate_hz:" not in said

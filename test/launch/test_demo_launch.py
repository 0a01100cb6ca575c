"""demo.launch.py: its arguments, and the camera that it starts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch", reason="launch is not installed: it comes with ROS 2")
pytest.importorskip("launch_ros", reason="launch_ros is not installed: it comes with ROS 2")
pytest.importorskip("rclpy", reason="rclpy is not installed: source a ROS 2 distribution")

import launch
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch.launch_description_sources import PythonLaunchDescriptionSource

TIMEOUT_SEC = 90.0


@pytest.fixture
def launch_file() -> Path:
    try:
        share = get_package_share_directory("ppcr_ros")
    except (PackageNotFoundError, LookupError):
        pytest.skip("ppcr_ros is not built: run make build and source its environment")
    return Path(share) / "launch" / "demo.launch.py"


@pytest.fixture
def description(launch_file: Path) -> Any:
    context = launch.LaunchContext()
    return PythonLaunchDescriptionSource(str(launch_file)).get_launch_description(context)


def test_arguments_of_camera_rviz_and_node_are_offered(description: Any) -> None:
    names = {argument.name for argument in description.get_launch_arguments()}
    assert names >= {"rviz", "rviz_config", "scene", "cycle_sec", "rate_hz", "live", "use_depth"}
    assert names >= {"moving", "mode"}
    assert names >= {"config", "device", "namespace"}
    assert not names & {"image_topic", "depth_topic", "cameras"}, "the demo has its own camera"


def test_every_argument_is_described(description: Any) -> None:
    for argument in description.get_launch_arguments():
        assert argument.description
        assert argument.description != "no description given"


def test_the_first_command_of_the_docstring_fits_the_scene_that_is_shown_first(
    launch_file: Path,
) -> None:
    from ppcr_lab.sim.recording import load_recording

    said = re.search(
        r"std_msgs/msg/String \"\{data: (.+?)\}", launch_file.read_text(encoding="utf-8")
    )
    assert said is not None
    assert any(said[1] in command.text for command in load_recording().scenes[0].commands)


@pytest.fixture
def running(launch_file: Path, tmp_path: Path) -> Iterator[int]:
    """The domain in which the demo runs, without RViz and with a node that leaves it at that."""
    domain_id = 102 + (os.getpid() + 53) % 100
    environment = {
        **os.environ,
        "ROS_DOMAIN_ID": str(domain_id),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    code = (
        "import sys; from launch import LaunchDescription, LaunchService\n"
        "from launch.actions import IncludeLaunchDescription\n"
        "from launch.launch_description_sources import PythonLaunchDescriptionSource\n"
        "source = PythonLaunchDescriptionSource(sys.argv[1])\n"
        "arguments = [('rviz', 'False'), ('scene', '4'), ('rate_hz', '20'),\n"
        "             ('autostart', 'False'), ('use_depth', '0'), ('namespace', 'left')]\n"
        "service = LaunchService()\n"
        "service.include_launch_description(LaunchDescription(\n"
        "    [IncludeLaunchDescription(source, launch_arguments=arguments)]))\n"
        "sys.exit(service.run())"
    )
    with (tmp_path / "launch.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(launch_file)],
            env=environment,
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield domain_id
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=180.0)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
def test_camera_shows_the_scene_that_was_asked_for(
    running: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rclpy
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node
    from std_msgs.msg import Header

    from ppcr_lab.sim.recording import load_recording

    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = Context()
    rclpy.init(args=[], context=context, domain_id=running)
    node = Node("listener", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    shown: list[Header] = []
    node.create_subscription(Header, "/left/camera/scene_shown", shown.append, 10)
    deadline = time.monotonic() + TIMEOUT_SEC
    running_nodes = node.get_node_names_and_namespaces
    while not (shown and ("ppcr", "/left") in running_nodes()):
        log = (tmp_path / "launch.log").read_text()
        assert time.monotonic() < deadline, f"no camera, or no node ppcr:\n{log}"
        executor.spin_once(timeout_sec=0.1)
    heard = dict(node.get_subscriber_names_and_types_by_node("ppcr", "/left"))
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()
    assert "/left/ppcr/command" in heard
    assert shown[0].frame_id == load_recording().scenes[4].name

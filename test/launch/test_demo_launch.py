"""demo.launch.py: its arguments, and the camera that it starts."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch", reason="launch is not installed: it comes with ROS 2")
pytest.importorskip("launch_ros", reason="launch_ros is not installed: it comes with ROS 2")
pytest.importorskip("rclpy", reason="rclpy is not installed: source a ROS 2 distribution")

import ament_index_python.packages
import launch
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

from ppcr_ros.core.errors import ConfigError

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


def about_to_start(launch_file: Path, **arguments: str) -> list[str]:
    """The executables of the nodes of the demo, in the order in which they are started."""
    context = launch.LaunchContext()
    context.launch_configurations.update(arguments)
    found: list[str] = []

    def visit(entity: Any) -> None:
        if isinstance(entity, Node):
            found.append(entity.node_executable)
            return
        for item in entity.visit(context) or ():
            visit(item)

    source = PythonLaunchDescriptionSource(str(launch_file))
    for entity in source.get_launch_description(context).entities:
        visit(entity)
    return found


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, set[str]], None]:
    """Sets the screen there is, and which of RViz's packages."""

    found = ament_index_python.packages.get_package_prefix

    def set_up(display: str, packages: set[str]) -> None:
        def prefix(package: str) -> str:
            if package in {"rviz2", "tf2_ros"} - packages:
                raise PackageNotFoundError(package)
            return "/opt/ros/jazzy" if package in packages else found(package)

        for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(ament_index_python.packages, "get_package_prefix", prefix)

    return set_up


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """What the launch file has logged: launch's loggers do not always hand on to caplog's."""
    logger = logging.getLogger("ppcr")
    logger.addHandler(caplog.handler)
    yield lambda: caplog.text
    logger.removeHandler(caplog.handler)


@pytest.mark.parametrize(
    ("display", "packages", "reason"),
    [
        ("", {"rviz2", "tf2_ros"}, "there is no screen (DISPLAY is not set)"),
        (":0", {"rviz2"}, "there is no package tf2_ros (sudo apt install ros-$ROS_DISTRO-tf2-ros)"),
        (":0", set[str](), "there is no package rviz2 (sudo apt install ros-$ROS_DISTRO-rviz2)"),
    ],
)
def test_without_rviz_or_a_screen_the_rest_is_started(
    launch_file: Path,
    screen: Callable[[str, set[str]], None],
    told: Callable[[], str],
    display: str,
    packages: set[str],
    reason: str,
) -> None:
    screen(display, packages)
    assert about_to_start(launch_file) == ["ppcr_node", "camera_node"]
    assert f"RViz is not started: {reason}" in told()


def test_with_a_screen_rviz_is_started(
    launch_file: Path,
    screen: Callable[[str, set[str]], None],
    told: Callable[[], str],
) -> None:
    screen(":0", {"rviz2", "tf2_ros"})
    nodes = ["ppcr_node", "camera_node", "static_transform_publisher", "rviz2"]
    assert about_to_start(launch_file) == nodes
    assert about_to_start(launch_file, rviz="False") == nodes[:2]
    assert "not started" not in told()


def test_it_knows_the_arguments_of_the_file_that_it_includes(
    launch_file: Path, told: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["rviz:=false", "web_port:=8090", "ppcr_log_level:=debug"]
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "ppcr_ros", "demo.launch.py", *words])
    assert about_to_start(launch_file, rviz="false") == ["ppcr_node", "camera_node"]
    assert "has no argument" not in told()
    monkeypatch.setattr(sys, "argv", [*sys.argv, "web_prot:=8090"])
    with pytest.raises(ConfigError, match=r"web_prot \(is web_port meant\?\)"):
        about_to_start(launch_file)


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
    from rclpy.node import Node as RosNode
    from std_msgs.msg import Header

    from ppcr_lab.sim.recording import load_recording

    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = Context()
    rclpy.init(args=[], context=context, domain_id=running)
    node = RosNode("listener", context=context)
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

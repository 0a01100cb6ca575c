"""The examples, run and imported as their readers would, beside the node."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from geometry_msgs.msg import PoseStamped

from ppcr_ros.ros import conversions

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
END_SEC = 120.0


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def camera(bench: Any) -> Iterator[None]:
    """The active node and a camera that publishes ten images a second."""
    bench.start()
    pixels = np.zeros((48, 64, 3), np.uint8)

    def publish() -> None:
        header = conversions.make_header(time.time_ns(), "camera")
        publisher.publish(conversions.rgb_to_image(pixels, header))

    publisher = bench.probe.create_publisher(conversions.Image, "/image", 5)
    timer = bench.probe.create_timer(0.1, publish)
    bench.until(lambda: bench.frames() > 0, "an image")
    yield
    timer.cancel()


class TestAsk:
    """ask_for_object.py"""

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(EXAMPLES / "ask_for_object.py"), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @pytest.mark.usefixtures("camera")
    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("the", "red", "mug"), 0, "found at x 16, y 12: 16 x 12 px"),
            (("the unicorn",), 1, "no target: "),
        ],
    )
    def test_it_says_how_the_command_ended(
        self, words: tuple[str, ...], code: int, said: str
    ) -> None:
        asking = self.start(*words)
        out, _ = asking.communicate(timeout=END_SEC)
        assert (asking.returncode, said in out) == (code, True), out
        assert "looking for:" in out

    def test_a_node_that_is_not_active_refuses(self, bench: Any) -> None:
        bench.start(activate=False)
        asking = self.start("the red mug")
        out, _ = asking.communicate(timeout=END_SEC)
        assert (asking.returncode, "refused" in out) == (2, True), out


class TestTree:
    """tick_in_behaviour_tree.py"""

    @pytest.fixture
    def leaf(self, bench: Any) -> Any:
        pytest.importorskip("py_trees", reason="needs the Python package py_trees")
        return example("tick_in_behaviour_tree").FindObject(bench.probe, "the red mug")

    def tick_until(self, bench: Any, leaf: Any, wanted: str) -> None:
        def ticked() -> bool:
            leaf.tick_once()
            return str(leaf.status.name) == wanted

        bench.until(ticked, wanted)

    @pytest.mark.usefixtures("camera")
    def test_however_often_it_is_ticked_one_goal_is_sent(self, bench: Any, leaf: Any) -> None:
        bench.until(leaf.client.server_is_ready, "the action")
        bench.scripted.mllm.gate.clear()
        for _ in range(20):
            leaf.tick_once()
        bench.until(bench.scripted.mllm.asked.is_set, "the goal")
        bench.scripted.mllm.gate.set()
        self.tick_until(bench, leaf, "SUCCESS")
        assert len(bench.scripted.mllm.turns) == 2, "both stages of one command"
        assert leaf.found.box.width == 16

    @pytest.mark.usefixtures("camera")
    def test_left_early_it_cancels_its_goal(self, bench: Any, leaf: Any) -> None:
        bench.until(leaf.client.server_is_ready, "the action")
        bench.scripted.mllm.gate.clear()
        leaf.tick_once()
        bench.until(bench.scripted.mllm.asked.is_set, "the goal")
        py_trees = pytest.importorskip("py_trees")
        leaf.stop(py_trees.common.Status.INVALID)
        bench.until(lambda: bench.node.segment_servers[0].goals == 0, "the goal to be cancelled")

    def test_without_the_node_it_fails_at_once(self, bench: Any, leaf: Any) -> None:
        leaf.tick_once()
        assert leaf.status.name == "FAILURE"


def test_the_arm_stops_before_the_grasp_against_the_approach() -> None:
    """plan_grasp_with_moveit.py"""
    pytest.importorskip("moveit_msgs.action", reason="needs the messages of moveit_msgs")
    plan = example("plan_grasp_with_moveit")
    grasp = PoseStamped()
    grasp.header.frame_id = "base_link"
    grasp.pose.position.x, grasp.pose.position.z = 0.5, 0.05
    grasp.pose.orientation.x, grasp.pose.orientation.w = 1.0, 0.0  # z straight down
    goal = plan.goal_for(grasp, "manipulator", "tool0")
    (constraints,) = goal.request.goal_constraints
    (position,) = constraints.position_constraints
    there = position.constraint_region.primitive_poses[0].position
    assert (there.x, there.y, there.z) == pytest.approx((0.5, 0.0, 0.05 + plan.STANDOFF_M))
    assert position.header.frame_id == "base_link"
    assert goal.planning_options.plan_only


def test_the_lifecycle_example_starts_the_node_for_a_manager() -> None:
    """nav2_lifecycle.launch.py"""
    pytest.importorskip("launch_ros", reason="needs launch_ros")
    launch = pytest.importorskip("launch", reason="needs launch")
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    source = PythonLaunchDescriptionSource(str(EXAMPLES / "nav2_lifecycle.launch.py"))
    included, manager = source.get_launch_description(launch.LaunchContext()).entities
    given = dict(included.launch_arguments)
    assert (given["ppcr_autostart"], given["ppcr_respawn"]) == ("false", "true")
    assert float(given["ppcr_respawn_delay"]) < 10.0, "the manager's own bond_respawn_max_duration"
    assert manager.node_package == "nav2_lifecycle_manager"

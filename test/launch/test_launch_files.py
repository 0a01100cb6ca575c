"""The launch files, as `ros2 launch` reads them, and what RViz looks at."""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import ppcr_ros
from ppcr_ros.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
LAUNCH_FILE = ROOT / "launch" / "ppcr.launch.py"
RVIZ_FILE = ROOT / "config" / "ppcr.rviz"


@pytest.fixture
def launch() -> Any:
    advice = "needs {0} (sudo apt install ros-$ROS_DISTRO-{1})"
    pytest.importorskip("launch_ros", reason=advice.format("launch_ros", "launch-ros"))
    return pytest.importorskip("launch", reason=advice.format("launch", "launch"))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A ROS domain and a log folder that no other test uses."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "ros_log"))


def description(launch: Any) -> Any:
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    source = PythonLaunchDescriptionSource(str(LAUNCH_FILE))
    return source.get_launch_description(launch.LaunchContext())


def started(launch: Any, **arguments: str) -> Started:
    """The process that `ros2 launch` starts with ``arguments``; ended as soon as it runs."""
    (process,) = run(launch, **arguments)
    return process


def run(launch: Any, **arguments: str) -> list[Started]:
    """All processes of a launch with ``arguments``."""
    seen: list[Started] = []

    def note(event: Any, context: Any) -> Any:
        parts = getattr(event.action, "sigkill_timeout", ())  # Humble does not tell it
        after = "".join(part.perform(context) for part in parts)
        seen.append(Started(list(event.cmd), event.process_name, parameters(event.cmd), after))
        return launch.actions.EmitEvent(event=launch.events.Shutdown(reason="seen"))

    given = {"autostart": "false", "respawn": "false", **arguments}
    service = launch.LaunchService(noninteractive=True)
    service.include_launch_description(
        launch.LaunchDescription(
            [
                *(launch.actions.SetLaunchConfiguration(*item) for item in given.items()),
                launch.actions.RegisterEventHandler(
                    launch.event_handlers.OnProcessStart(on_start=note)
                ),
                description(launch),
            ]
        )
    )
    service.run()
    return seen


@dataclass(frozen=True)
class Started:
    command: list[str]
    name: str
    parameters: dict[str, Any]
    kill_after_sec: str


def parameters(command: list[str]) -> dict[str, Any]:
    """What the parameter files on a command line set, the last one winning."""
    values: dict[str, Any] = {}
    for flag, path in itertools.pairwise(command):
        if flag == "--params-file":
            (body,) = yaml.safe_load(Path(path).read_text(encoding="utf-8")).values()
            for name, value in body["ros__parameters"].items():
                if isinstance(value, dict):
                    values |= {f"{name}.{key}": item for key, item in value.items()}
                else:
                    values[name] = value
    return values


def remappings(command: list[str]) -> dict[str, str]:
    return dict(part.split(":=", 1) for part in command if ":=" in part)  # type: ignore[misc]


def test_every_argument_is_described(launch: Any) -> None:
    arguments = description(launch).get_launch_arguments()
    names = {argument.name for argument in arguments}
    assert names >= {
        "image_topic",
        "command_topic",
        "depth_topic",
        "camera_info_topic",
        "config",
        "device",
        "namespace",
        "compressed",
        "use_depth",
        "respawn",
        "respawn_delay",
        "ppcr_config",
        "ppcr_mode",
    }
    assert all(argument.description for argument in arguments)


@pytest.mark.usefixtures("alone")
def test_the_defaults_start_the_embedded_model_on_a_plain_camera(launch: Any) -> None:
    process = started(launch)
    assert process.command[0].endswith("lib/ppcr_ros/ppcr_node")
    assert process.parameters["mllm.family"] == "ppcr_tiny"
    assert process.parameters["mllm.model"] == "embedded"
    assert process.parameters["mllm.device"] == "auto"
    assert process.parameters["node.use_depth"] is False
    rules = remappings(process.command)
    assert rules["image"] == "camera/image_raw", "relative: below the namespace"
    assert rules["camera_info"] == "camera/camera_info"
    assert rules["__node"] == "ppcr"


@pytest.mark.usefixtures("alone")
def test_ctrl_c_leaves_the_running_stage_time_to_end(launch: Any) -> None:
    """Launch's own 5 s are too short for a large segmenter on a CPU: the result would be lost."""
    after = started(launch).kill_after_sec
    if not after:
        pytest.skip("needs a launch that tells an action's sigkill_timeout (Jazzy or newer)")
    assert float(after) >= 20.0


@pytest.mark.usefixtures("alone")
def test_arguments_reach_the_node(launch: Any) -> None:
    process = started(
        launch,
        image_topic="/cam/color",
        compressed="true",
        depth_topic="/cam/depth",
        camera_info_topic="/cam/info",
        command_topic="/speech",
        use_depth="true",
        device="cpu",
        mode="track",
        namespace="left",
        use_sim_time="true",
    )
    values = process.parameters
    assert values["node.use_compressed"] is True
    assert values["node.use_depth"] is True
    assert values["mllm.device"] == values["segmenter.device"] == "cpu"
    assert values["node.mode"] == "track"
    assert values["use_sim_time"] is True
    rules = remappings(process.command)
    assert rules["image"] == "/cam/color"
    assert rules["image/compressed"] == "/cam/color/compressed"
    assert (rules["depth"], rules["camera_info"]) == ("/cam/depth", "/cam/info")
    assert rules["~/command"] == "/speech"
    assert rules["__ns"].strip("/") == "left"


@pytest.mark.usefixtures("alone")
def test_the_page_is_started_beside_the_node_where_it_is_asked_for(
    launch: Any, tmp_path: Path
) -> None:
    token = str(tmp_path / "token")
    started_by_name = {
        item.name.rpartition("-")[0]: item
        for item in run(
            launch,
            web="True",
            web_host="0.0.0.0",
            web_port="8090",
            web_token_file=token,
            web_read_only="true",
            namespace="left",
            cameras="front, wrist",
            image_topic="/{camera}/color",
        )
    }
    page = started_by_name["ppcr_page"]
    assert page.command[0].endswith("lib/ppcr_ros/ppcr_page")
    values = page.parameters
    assert (values["host"], values["port"], values["token_file"]) == ("0.0.0.0", 8090, token)
    assert values["read_only"] is True
    assert values["camera"] == "front"
    rules = remappings(page.command)
    assert rules["front/image"] == "/front/color"
    assert rules["__ns"].strip("/") == "left"


@pytest.mark.usefixtures("alone")
def test_there_is_no_page_unless_it_is_asked_for(launch: Any) -> None:
    assert [item.name.rpartition("-")[0] for item in run(launch)] == ["ppcr_node"]


@pytest.mark.usefixtures("alone")
def test_several_cameras_have_a_topic_each(launch: Any) -> None:
    process = started(launch, cameras="front, wrist", depth_topic="/{camera}/aligned")
    assert process.parameters["node.cameras"] == "front, wrist"
    rules = remappings(process.command)
    assert rules["front/image"] == "front/image_raw"
    assert rules["wrist/image/compressed"] == "wrist/image_raw/compressed"
    assert rules["wrist/camera_info"] == "wrist/camera_info"
    assert rules["front/depth"] == "/front/aligned"
    assert "image" not in rules


def test_several_cameras_cannot_share_a_topic(launch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "ppcr_ros", "ppcr.launch.py"])
    source = PythonLaunchDescriptionSource(str(LAUNCH_FILE))
    context = launch.LaunchContext()
    *declared, start = source.get_launch_description(context).entities
    values = {"cameras": "front, wrist", "image_topic": "/camera/image_raw"}
    context.launch_configurations.update(values)
    for entity in declared:
        entity.visit(context)
    with pytest.raises(ConfigError, match=r"for image is '/camera/image_raw' for all of"):
        start.visit(context)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("pushed", "namespace", "logger"),
    [
        ("", "", "ppcr"),
        ("", "left", "left.ppcr"),
        ("arm", "left", "arm.left.ppcr"),
        ("arm", "/left/eye", "left.eye.ppcr"),
    ],
)
def test_the_log_level_reaches_the_node_in_its_namespace(
    launch: Any, pushed: str, namespace: str, logger: str
) -> None:
    process = started(launch, ros_namespace=pushed, namespace=namespace, log_level="debug")
    assert f"{logger}:=debug" in process.command


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("config", "/data/no_such.yaml", "there is no parameter file /data/no_such.yaml; expected"),
        ("respawn_delay", "soon", "respawn_delay:=soon: 'soon' is no number"),
        ("device", "gpu", "device:=gpu: the device is 'gpu'; expected auto, cpu, cuda or one of"),
        ("mode", "slam", "mode:=slam: 'slam' is none of once, track"),
        ("use_depth", "maybe", "use_depth:=maybe: 'maybe' is neither true nor false"),
    ],
)
def test_what_is_no_value_starts_no_node(
    launch: Any,
    argument: str,
    value: str,
    expected: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "ppcr_ros", "ppcr.launch.py"])
    assert run(launch, **{argument: value}) == []
    assert expected in caplog.text


@pytest.mark.usefixtures("alone")
def test_the_arguments_of_a_bringup_do_no_harm(
    launch: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """What nav2's bringup, and others that include ours, have in their context."""
    theirs = tmp_path / "nav2_params.yaml"
    theirs.write_text("amcl: {ros__parameters: {alpha1: 0.2}}\n")
    process = started(
        launch,
        **{"use_sim_time": "True", "autostart": "False", "respawn": "False", "compressed": "1"},
        **{"mode": "slam", "config": str(theirs), "device": "/dev/ttyUSB0", "log_level": "INFO"},
    )
    values = process.parameters
    assert (values["use_sim_time"], values["node.autostart"]) == (True, False)
    assert values["node.use_compressed"] is True
    assert (values["node.mode"], values["mllm.device"]) == ("once", "auto")
    assert "mode:=slam is taken for another launch file's: 'slam' is none of" in caplog.text
    assert f"config:={theirs} is taken for another launch file's" in caplog.text
    assert "ppcr_config sets it for the node ppcr alone" in caplog.text


@pytest.mark.usefixtures("alone")
def test_the_prefixed_names_win_and_are_strict(
    launch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    process = started(launch, mode="slam", ppcr_mode="track", device="x", ppcr_device="cuda:1")
    assert process.parameters["node.mode"] == "track"
    assert process.parameters["segmenter.device"] == "cuda:1"
    assert "taken for another" not in caplog.text
    assert run(launch, ppcr_mode="slam") == []
    assert "ppcr_mode:=slam: 'slam' is none of once, track" in caplog.text


@pytest.mark.usefixtures("alone")
def test_a_misspelt_argument_starts_no_node(
    launch: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["imge_topic:=/x", "sigterm_timeout:=9"]
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "ppcr_ros", "ppcr.launch.py", *words])
    assert run(launch, imge_topic="/x") == []
    assert "has no argument imge_topic (is image_topic meant?)" in caplog.text


@pytest.mark.usefixtures("alone")
def test_a_mistake_in_ours_leaves_nothing_of_another_bringup_behind(
    launch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Launch forgets what it is about to start when a launch file raises."""
    ended: list[int] = []
    service = launch.LaunchService(noninteractive=True)
    service.include_launch_description(
        launch.LaunchDescription(
            [
                launch.actions.ExecuteProcess(
                    cmd=[sys.executable, "-c", "import time; time.sleep(300)"],
                    on_exit=lambda event, context: ended.append(event.returncode),
                ),
                launch.actions.SetLaunchConfiguration("ppcr_mode", "slam"),
                description(launch),
            ]
        )
    )
    assert service.run() == 1
    assert len(ended) == 1
    assert "ppcr_mode:=slam: 'slam' is none of once, track" in caplog.text


@pytest.mark.usefixtures("alone")
def test_a_shipped_config_goes_by_its_name(launch: Any) -> None:
    assert started(launch, config="desktop_gpu").parameters["mllm.family"] != "ppcr_tiny"


@pytest.mark.usefixtures("alone")
def test_a_file_with_a_bad_option_starts_no_node_again_and_again(
    launch: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("ppcr: {ros__parameters: {node: {overlay_alfa: 0.5}}}\n")
    assert run(launch, config=str(path)) == []
    assert "unknown option node.overlay_alfa (is node.overlay_alpha meant?)" in caplog.text


def test_rviz_looks_at_the_nodes_topics() -> None:
    displays = yaml.safe_load(RVIZ_FILE.read_text(encoding="utf-8"))["Visualization Manager"][
        "Displays"
    ]
    topics = {item["Topic"]["Value"]: item["Class"] for item in displays if "Topic" in item}
    assert topics == {
        "ppcr/overlay": "rviz_default_plugins/Image",
        "ppcr/mask": "rviz_default_plugins/Image",
        "ppcr/markers": "rviz_default_plugins/MarkerArray",
        "ppcr/object_points": "rviz_default_plugins/PointCloud2",
        "camera/image_raw": "rviz_default_plugins/Image",
    }
    source = (Path(ppcr_ros.__file__).parent / "ros" / "publishers.py").read_text(encoding="utf-8")
    for topic in topics:
        if topic.startswith("ppcr/"):
            assert f'"{topic.removeprefix("ppcr/")}"' in source
    assert '"{camera}/image_raw"' in LAUNCH_FILE.read_text(encoding="utf-8")

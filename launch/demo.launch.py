"""The tabletop camera, the node ``ppcr`` and RViz, to be spoken to by hand.

ros2 launch ppcr_ros demo.launch.py rviz:=true
ros2 topic pub --once /ppcr/command std_msgs/msg/String "{data: the pink ball in the bowl}"
ros2 topic pub --once /camera/scene std_msgs/msg/Int32 "{data: 3}"

With web:=true there is a page to speak to, at http://localhost:8080.
With mode:=track moving:=true rate_hz:=15.0 the target moves, and its mask is followed.
With namespace:=left all of it lies below /left: /left/ppcr/command.
"""

from __future__ import annotations

import math
import os
import sys

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.logging import get_logger
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from ppcr_ros.core.launch_arguments import (
    LaunchArgument,
    check_names,
    device,
    flag,
    is_launched_itself,
    number,
    one_of,
    parameter_file,
    read_argument,
    whole_number,
)

OPTICAL_FRAME = "camera_color_optical_frame"
HANDED_ON = (
    LaunchArgument(
        "mode", "once", "track follows the mask in later images", one_of("once", "track")
    ),
    LaunchArgument("use_depth", "true", "synchronise depth with the image", flag),
    LaunchArgument(
        "config", "ppcr", "parameter file, or the name of one of the package", parameter_file
    ),
    LaunchArgument("device", "", "for both models: auto, cpu, cuda or cuda:1", device),
    LaunchArgument("namespace", "", "prefix of all nodes and topics"),
    LaunchArgument("autostart", "", "false leaves the node to a lifecycle manager", flag),
    LaunchArgument("web", "false", "true serves a page to speak to, on port 8080", flag),
)
"""To ppcr.launch.py, under the names that are its alone."""
ARGUMENTS = (
    LaunchArgument("rviz", "true", "start RViz", flag),
    LaunchArgument("rviz_config", "", "what RViz shows; the package's ppcr.rviz if empty"),
    LaunchArgument("scene", "0", "number of the scene shown first", whole_number),
    LaunchArgument(
        "cycle_sec", "0.0", "show the next scene after so many seconds; 0 to stay", number
    ),
    LaunchArgument("rate_hz", "10.0", "frames each second", number),
    LaunchArgument("live", "false", "render with MuJoCo instead of showing recorded frames", flag),
    LaunchArgument("moving", "false", "render with MuJoCo, objects and camera in motion", flag),
    *HANDED_ON,
)


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(item.name, default_value=item.default, description=item.description)
        for item in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start_nodes)])


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    strict, warn = is_launched_itself("demo.launch.py"), get_logger("ppcr").warning
    given = context.launch_configurations
    value = {item.name: read_argument(item, given, strict=strict, warn=warn) for item in ARGUMENTS}
    share = FindPackageShare("ppcr_ros")
    source = PythonLaunchDescriptionSource(
        PathJoinSubstitution([share, "launch", "ppcr.launch.py"])
    )
    theirs = source.get_launch_description(context).get_launch_arguments()
    names = [name for item in ARGUMENTS for name in (item.name, item.own_name)]
    check_names("demo.launch.py", [*names, *(item.name for item in theirs)], warn)
    # Its arguments are not shown as the demo's: those of the camera are fixed here. It comes first:
    # an error in it would leave behind what is being started.
    ppcr = IncludeLaunchDescription(
        source,
        launch_arguments={
            **{item.own_name: value[item.name] for item in HANDED_ON},
            "ppcr_cameras": "",
            "ppcr_image_topic": "camera/image_raw",
            "ppcr_camera_info_topic": "camera/camera_info",
            "ppcr_depth_topic": "camera/depth/image_raw",
            "ppcr_compressed": "false",
        }.items(),
    )
    nodes = [ppcr, camera(value)]
    lacks = what_rviz_lacks() if value["rviz"] == "true" else ""
    if lacks:
        warn(f"RViz is not started: {lacks}. The rest runs without it; rviz:=false says so.")
    elif value["rviz"] == "true":
        look = value["rviz_config"] or PathJoinSubstitution([share, "config", "ppcr.rviz"])
        nodes += [
            optical_transform(),
            Node(
                package="rviz2",
                executable="rviz2",
                name="rviz",
                namespace=value["namespace"],
                arguments=["-d", look],
            ),
        ]
    return nodes


def what_rviz_lacks() -> str:
    """Why RViz cannot be started here; empty where it can."""
    for package in ("rviz2", "tf2_ros"):
        try:
            get_package_prefix(package)
        except PackageNotFoundError:
            apt = f"ros-$ROS_DISTRO-{package.replace('_', '-')}"
            return f"there is no package {package} (sudo apt install {apt})"
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        return "there is no screen (DISPLAY is not set)"
    return ""


def camera(value: dict[str, str]) -> Node:
    """The tabletop camera."""
    return Node(
        package="ppcr_ros",
        executable="camera_node",
        name="camera",
        namespace=value["namespace"],
        parameters=[
            {
                "frame_id": OPTICAL_FRAME,
                "reliability": "reliable",
                "scene": int(value["scene"]),
                "cycle_sec": float(value["cycle_sec"]),
                "rate_hz": float(value["rate_hz"]),
                "live": value["live"] == "true",
                "moving": value["moving"] == "true",
            }
        ],
        output="screen",
    )


def optical_transform() -> Node:
    """RViz drops what has a frame that no transform names. REP 103: x forward becomes z forward."""
    return Node(
        package="tf2_ros",
        executable="static_transform_publisher",
        name="camera_optical_transform",
        arguments=[
            *("--frame-id", "camera_link", "--child-frame-id", OPTICAL_FRAME),
            *("--roll", str(-math.pi / 2), "--yaw", str(-math.pi / 2)),
        ],
    )

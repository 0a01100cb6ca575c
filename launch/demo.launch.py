"""The tabletop camera, the node ``ppcr`` and RViz, to be spoken to by hand.

ros2 launch ppcr_ros demo.launch.py rviz:=true
ros2 topic pub --once /ppcr/command std_msgs/msg/String "{data: the pink ball in the bowl}"
ros2 topic pub --once /camera/scene std_msgs/msg/Int32 "{data: 3}"

With mode:=track moving:=true rate_hz:=15.0 the target moves, and its mask is followed.
The arguments of ppcr.launch.py (config, device, ...) are taken as well.
"""

from __future__ import annotations

import math

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

OPTICAL_FRAME = "camera_color_optical_frame"


def generate_launch_description() -> LaunchDescription:
    share = FindPackageShare("ppcr_ros")
    camera = Node(
        package="ppcr_ros",
        executable="camera_node",
        name="camera",
        parameters=[
            {
                "frame_id": OPTICAL_FRAME,
                "reliability": "reliable",
                "scene": ParameterValue(LaunchConfiguration("scene"), value_type=int),
                "cycle_sec": ParameterValue(LaunchConfiguration("cycle_sec"), value_type=float),
                "rate_hz": ParameterValue(LaunchConfiguration("rate_hz"), value_type=float),
                "live": ParameterValue(LaunchConfiguration("live"), value_type=bool),
                "moving": ParameterValue(LaunchConfiguration("moving"), value_type=bool),
            }
        ],
        output="screen",
    )
    # RViz drops what carries a frame that no transform names. REP 103: x forward becomes z forward.
    optical = Node(
        package="tf2_ros",
        executable="static_transform_publisher",
        name="camera_optical_transform",
        arguments=[
            *("--frame-id", "camera_link", "--child-frame-id", OPTICAL_FRAME),
            *("--roll", str(-math.pi / 2), "--yaw", str(-math.pi / 2)),
        ],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    ppcr = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "ppcr.launch.py"])),
        launch_arguments={
            "image_topic": "/camera/image_raw",
            "camera_info_topic": "/camera/camera_info",
            "depth_topic": "/camera/depth/image_raw",
            "use_depth": LaunchConfiguration("use_depth"),
            "mode": LaunchConfiguration("mode"),
        }.items(),
    )
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        arguments=["-d", LaunchConfiguration("rviz_config")],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "rviz", default_value="true", choices=["true", "false"], description="start RViz"
            ),
            DeclareLaunchArgument(
                "rviz_config",
                default_value=PathJoinSubstitution([share, "config", "ppcr.rviz"]),
                description="what RViz shows",
            ),
            DeclareLaunchArgument(
                "scene", default_value="0", description="number of the scene shown first"
            ),
            DeclareLaunchArgument(
                "cycle_sec",
                default_value="0.0",
                description="show the next scene after so many seconds; 0 to stay",
            ),
            DeclareLaunchArgument(
                "rate_hz", default_value="10.0", description="frames each second"
            ),
            DeclareLaunchArgument(
                "live",
                default_value="false",
                choices=["true", "false"],
                description="render with MuJoCo instead of showing recorded frames",
            ),
            DeclareLaunchArgument(
                "moving",
                default_value="false",
                choices=["true", "false"],
                description="render with MuJoCo, objects and camera in motion",
            ),
            DeclareLaunchArgument(
                "mode",
                default_value="once",
                choices=["once", "track"],
                description="track follows the mask in later images",
            ),
            DeclareLaunchArgument(
                "use_depth",
                default_value="true",
                choices=["true", "false"],
                description="synchronise depth with the image",
            ),
            camera,
            optical,
            ppcr,
            rviz,
        ]
    )

"""The node under nav2's lifecycle manager, beside the nodes of a robot that it manages already.

ros2 launch examples/nav2_lifecycle.launch.py

The manager's defaults do not fit a node that loads models: from Kilted on it gives a transition 5 s
(Humble's and Jazzy's wait as long as it takes), and it takes a node without a bond for dead.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

CONFIGURE_SEC = 180.0
"""How long the largest model takes to load, with something to spare."""


def generate_launch_description() -> LaunchDescription:
    ppcr = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("ppcr_ros"), "launch", "ppcr.launch.py"])
        ),
        # The manager starts it, and starts it again: respawn would only get in its way.
        launch_arguments={"ppcr_autostart": "false", "ppcr_respawn": "false"}.items(),
    )
    manager = Node(
        package="nav2_lifecycle_manager",
        executable="lifecycle_manager",
        name="lifecycle_manager_perception",
        parameters=[
            {
                "node_names": ["ppcr"],
                "autostart": True,
                # The node has a bond where the package bond is installed; 0.0 asks for none.
                "bond_timeout": 4.0,
                "service_timeout": CONFIGURE_SEC,  # read from Kilted on
            }
        ],
        output="screen",
    )
    return LaunchDescription([ppcr, manager])

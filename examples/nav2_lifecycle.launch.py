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
RESPAWN_DELAY_SEC, BACK_SEC = 2.0, 60.0
"""A node that has ended is started again after so long, and must answer within so long."""


def generate_launch_description() -> LaunchDescription:
    ppcr = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("ppcr_ros"), "launch", "ppcr.launch.py"])
        ),
        # The manager configures and activates nodes; it starts no process. Launch does, and again
        # where the node has ended, and the manager brings it back to where it was.
        launch_arguments={
            "ppcr_autostart": "false",
            "ppcr_respawn": "true",
            "ppcr_respawn_delay": str(RESPAWN_DELAY_SEC),
        }.items(),
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
                "bond_respawn_max_duration": BACK_SEC,
                "service_timeout": CONFIGURE_SEC,  # read from Kilted on
            }
        ],
        output="screen",
    )
    return LaunchDescription([ppcr, manager])

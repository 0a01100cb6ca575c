"""Starts the node ``ppcr`` on a robot's camera.

ros2 launch ppcr_ros ppcr.launch.py image_topic:=/camera/color/image_raw device:=cuda

Several cameras share the models; {camera} in a topic stands for each of their names:

ros2 launch ppcr_ros ppcr.launch.py cameras:=front,wrist image_topic:=/{camera}/color/image_raw
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from ppcr_ros.core.cameras import camera_names, remappings

# name, default, choices or None, description
ARGUMENTS = (
    (
        "cameras",
        "",
        None,
        "names of several cameras, such as front,wrist; {camera} in a topic stands for each; "
        "empty for what config says, whose topics are then not remapped",
    ),
    ("image_topic", "/{camera}/image_raw", None, "colour images (sensor_msgs/Image)"),
    (
        "compressed",
        "",
        ("", "true", "false"),
        "true takes <image_topic>/compressed; empty for what config says",
    ),
    ("camera_info_topic", "/{camera}/camera_info", None, "intrinsics of the colour camera"),
    ("depth_topic", "/{camera}/depth/image_raw", None, "depth registered to the colour camera"),
    (
        "use_depth",
        "",
        ("", "true", "false"),
        "true synchronises depth with the image; empty for what config says",
    ),
    (
        "mode",
        "",
        ("", "once", "track"),
        "track follows the mask in later images; empty for what config says",
    ),
    ("command_topic", "~/command", None, "spoken commands (std_msgs/String): /ppcr/command"),
    ("config", None, None, "parameter file"),
    ("device", "", ("", "auto", "cpu", "cuda"), "for both models; empty for what config says"),
    ("namespace", "", None, "prefix of the node and its topics"),
    ("use_sim_time", "false", ("true", "false"), "take the time from /clock"),
    ("autostart", "", ("", "true", "false"), "false leaves it to a lifecycle manager"),
    ("respawn", "true", ("true", "false"), "start the node again when it ends"),
    ("respawn_delay", "10.0", None, "seconds until it is started again"),
    ("log_level", "info", ("debug", "info", "warn", "error"), "what is logged"),
)
KILL_AFTER_SEC = 25.0
"""After the SIGTERM that comes 5 s after Ctrl-C: a stage that runs ends and its result goes out."""


def generate_launch_description() -> LaunchDescription:
    declared = []
    for name, default, choices, description in ARGUMENTS:
        if name == "config":
            default = PathJoinSubstitution([FindPackageShare("ppcr_ros"), "config", "ppcr.yaml"])
        declared.append(
            DeclareLaunchArgument(
                name,
                default_value=default,
                description=description,
                choices=list(choices) if choices else None,
            )
        )
    return LaunchDescription([*declared, OpaqueFunction(function=start_node)])


def start_node(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The node, with only those parameters set that an argument names."""
    value = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    check(value)
    parameters: dict[str, bool | str] = {"use_sim_time": value["use_sim_time"] == "true"}
    for argument, names in {
        "compressed": ("node.use_compressed",),
        "use_depth": ("node.use_depth",),
        "autostart": ("node.autostart",),
    }.items():
        if value[argument]:
            parameters |= dict.fromkeys(names, value[argument] == "true")
    if value["cameras"]:
        parameters["node.cameras"] = value["cameras"]
    if value["mode"]:
        parameters["node.mode"] = value["mode"]
    if value["device"]:
        parameters |= {"mllm.device": value["device"], "segmenter.device": value["device"]}
    pushed = context.launch_configurations.get("ros_namespace", "")  # by a PushRosNamespace
    logger = logger_name(pushed, value["namespace"])
    return [
        Node(
            package="ppcr_ros",
            executable="ppcr_node",
            name="ppcr",
            namespace=value["namespace"],
            parameters=[value["config"], parameters],
            remappings=[*camera_remappings(value), ("~/command", value["command_topic"])],
            arguments=["--ros-args", "--log-level", f"{logger}:={value['log_level']}"],
            respawn=value["respawn"] == "true",
            respawn_delay=float(value["respawn_delay"]),
            sigkill_timeout=str(KILL_AFTER_SEC),
            output="screen",
            emulate_tty=True,
        )
    ]


def camera_remappings(value: dict[str, str]) -> list[tuple[str, str]]:
    """The topics of each camera, from the values of the launch arguments.

    Raises:
        ConfigError: for a name that is none, or when several cameras would share a topic.
    """
    topics = {name: value[f"{name}_topic"] for name in ("image", "camera_info", "depth")}
    return list(remappings(camera_names(value["cameras"]), topics).items())


def check(value: dict[str, str]) -> None:
    """Refuse what launch would pass over: without its file, the node would run other models."""
    if not Path(value["config"]).is_file():
        raise ValueError(
            f"config:={value['config']} is no file; expected a parameter file, such as those in "
            "$(ros2 pkg prefix --share ppcr_ros)/config."
        )
    try:
        float(value["respawn_delay"])
    except ValueError:
        raise ValueError(
            f"respawn_delay:={value['respawn_delay']} is no number; expected seconds, such as 10.0."
        ) from None


def logger_name(pushed: str, namespace: str) -> str:
    """The name of the node's logger: the namespace is a part of it, ``left.ppcr`` in ``/left``."""
    whole = namespace if namespace.startswith("/") else f"{pushed}/{namespace}"
    return ".".join([*filter(None, whole.split("/")), "ppcr"])

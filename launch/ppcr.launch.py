"""Starts the node ``ppcr`` on a robot's camera.

ros2 launch ppcr_ros ppcr.launch.py image_topic:=/camera/color/image_raw device:=cuda

Several cameras share the models; {camera} in a topic stands for each of their names:

ros2 launch ppcr_ros ppcr.launch.py cameras:=front,wrist image_topic:=/{camera}/color/image_raw

A launch file that includes this one may use the names with ppcr_ before them (ppcr_config,
ppcr_mode), which no other file's arguments can be taken for.
"""

from __future__ import annotations

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, TimerAction
from launch.logging import get_logger
from launch_ros.actions import Node

from ppcr_ros.core.cameras import camera_names, remappings
from ppcr_ros.core.errors import ConfigError
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

ARGUMENTS = (
    LaunchArgument(
        "cameras",
        "",
        "names of several cameras, such as front,wrist; {camera} in a topic stands for each; "
        "empty for what config says, whose topics are then not remapped",
    ),
    LaunchArgument(
        "image_topic",
        "{camera}/image_raw",
        "colour images (sensor_msgs/Image); without a leading slash it lies in the namespace",
    ),
    LaunchArgument(
        "compressed", "", "true takes <image_topic>/compressed; empty for what config says", flag
    ),
    LaunchArgument("camera_info_topic", "{camera}/camera_info", "intrinsics of the colour camera"),
    LaunchArgument(
        "depth_topic", "{camera}/depth/image_raw", "depth registered to the colour camera"
    ),
    LaunchArgument(
        "use_depth",
        "",
        "true synchronises depth with the image; empty for what config says",
        flag,
    ),
    LaunchArgument(
        "mode",
        "",
        "once, or track to follow the mask in later images; empty for what config says",
        one_of("once", "track"),
    ),
    LaunchArgument(
        "command_topic", "~/command", "spoken commands (std_msgs/String): /ppcr/command"
    ),
    LaunchArgument(
        "config",
        "ppcr",
        "parameter file, or the name of one in the package's config folder, such as desktop_gpu",
        parameter_file,
    ),
    LaunchArgument(
        "device",
        "",
        "for both models: auto, cpu, cuda or cuda:1; empty for what config says",
        device,
    ),
    LaunchArgument("namespace", "", "prefix of the node and its topics"),
    LaunchArgument("use_sim_time", "false", "true takes the time from /clock", flag),
    LaunchArgument("autostart", "", "false leaves it to a lifecycle manager", flag),
    LaunchArgument(
        "web", "false", "true serves a page to speak to (needs requirements/web.txt)", flag
    ),
    LaunchArgument(
        "web_host", "127.0.0.1", "where the page is; another address needs web_token_file"
    ),
    LaunchArgument("web_port", "8080", "the page's port", whole_number),
    LaunchArgument("web_token_file", "", "file with what a browser must show to see the page"),
    LaunchArgument("web_read_only", "false", "true lets nobody say anything on the page", flag),
    LaunchArgument("respawn", "true", "start the node again when it ends", flag),
    LaunchArgument("respawn_delay", "10.0", "seconds until it is started again", number),
    LaunchArgument(
        "log_level",
        "info",
        "what is logged: debug, info, warn or error",
        one_of("debug", "info", "warn", "error", "fatal"),
    ),
)
FILES = ("ppcr.launch.py", "demo.launch.py")
"""Where one of them is launched itself, all arguments are meant for it."""
STARTED_SEC = 1.0
"""After so long what other launch files start is started."""
KILL_AFTER_SEC = 25.0
"""After the SIGTERM that comes 5 s after Ctrl-C: a stage that runs ends and its result goes out."""


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(item.name, default_value=item.default, description=item.description)
        for item in ARGUMENTS
    ]
    declared += [
        DeclareLaunchArgument(
            item.own_name,
            default_value="",
            description=f"as {item.name}, which it wins over, for this node alone",
        )
        for item in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start_node)])


def start_node(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The node; or an error, and the end of all that was launched."""
    names = [name for item in ARGUMENTS for name in (item.name, item.own_name)]
    try:
        check_names("ppcr.launch.py", names, get_logger("ppcr").warning)
        return nodes(context)
    except ConfigError as error:
        if is_launched_itself(*FILES):
            raise
        return fail_soon(error)


def fail_soon(error: ConfigError) -> list[LaunchDescriptionEntity]:
    """Raise ``error`` once the nodes of other launch files run.

    Launch ends for an exception with what it knows to run. What is being started at that moment
    would be left behind without it, on the robot and on the topics.
    """

    def fail(context: LaunchContext) -> None:
        raise error

    get_logger("ppcr").error(str(error))
    return [TimerAction(period=STARTED_SEC, actions=[OpaqueFunction(function=fail)])]


def nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The node and its page, with only those parameters set that an argument names.

    Raises:
        ConfigError: for what is no value.
    """
    value = arguments(context)
    parameters: dict[str, bool | str] = {"use_sim_time": value["use_sim_time"] == "true"}
    for argument, name in {
        "compressed": "node.use_compressed",
        "use_depth": "node.use_depth",
        "autostart": "node.autostart",
    }.items():
        if value[argument]:
            parameters[name] = value[argument] == "true"
    if value["cameras"]:
        parameters["node.cameras"] = value["cameras"]
    if value["mode"]:
        parameters["node.mode"] = value["mode"]
    if value["device"]:
        parameters |= {"mllm.device": value["device"], "segmenter.device": value["device"]}
    pushed = context.launch_configurations.get("ros_namespace", "")  # by a PushRosNamespace
    logger = logger_name(pushed, value["namespace"])
    page = [page_of(value)] if value["web"] == "true" else []
    return [
        *page,
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
        ),
    ]


def page_of(value: dict[str, str]) -> Node:
    """The page about the node's first camera; a client that the node knows nothing of."""
    names = camera_names(value["cameras"])
    return Node(
        package="ppcr_ros",
        executable="ppcr_page",
        name="ppcr_page",
        namespace=value["namespace"],
        parameters=[
            {
                "use_sim_time": value["use_sim_time"] == "true",
                "camera": names[0] if names else "",
                "host": value["web_host"],
                "port": int(value["web_port"]),
                "token_file": value["web_token_file"],
                "read_only": value["web_read_only"] == "true",
            }
        ],
        remappings=camera_remappings(value),
        output="screen",
        emulate_tty=True,
    )


def arguments(context: LaunchContext) -> dict[str, str]:
    """The value of each argument.

    Raises:
        ConfigError: for what is no value.
    """
    strict = is_launched_itself(*FILES)
    given, warn = context.launch_configurations, get_logger("ppcr").warning
    return {item.name: read_argument(item, given, strict=strict, warn=warn) for item in ARGUMENTS}


def camera_remappings(value: dict[str, str]) -> list[tuple[str, str]]:
    """The topics of each camera, from the values of the launch arguments.

    Raises:
        ConfigError: for a name that is none, or when several cameras would share a topic.
    """
    topics = {name: value[f"{name}_topic"] for name in ("image", "camera_info", "depth")}
    return list(remappings(camera_names(value["cameras"]), topics).items())


def logger_name(pushed: str, namespace: str) -> str:
    """The name of the node's logger: the namespace is a part of it, ``left.ppcr`` in ``/left``."""
    whole = namespace if namespace.startswith("/") else f"{pushed}/{namespace}"
    return ".".join([*filter(None, whole.split("/")), "ppcr"])

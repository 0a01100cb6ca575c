"""The process that serves the page of a running node: ``ppcr web --node``, or launch's ``web``."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.ros.log import CleanLogger
from ppcr_ros.ros.page_client import NodeSource
from ppcr_ros.ros.parameters import warn_of_unknown, widen_overrides
from ppcr_ros.web.access import Access, read_token
from ppcr_ros.web.server import PageOptions, check_installed, serve

NODE_NAME = "ppcr_page"
PARAMETERS: dict[str, tuple[Any, str]] = {
    "node": ("ppcr", "the node that the page is about"),
    "camera": ("", "one of node.cameras; empty for the first"),
    "host": ("127.0.0.1", "the address to listen on; another than loopback needs a token"),
    "port": (8080, "its port"),
    "token_file": ("", "a file that holds the token; empty for the variable PPCR_WEB_TOKEN"),
    "read_only": (False, "whether nobody may say anything"),
    "rate_hz": (15.0, "so many pictures a second at most"),
}


class NodeSpinner:
    """Spins a node on a thread of its own while this context manager is open."""

    def __init__(self, node: Node, context: Any = None) -> None:
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(node)
        self._thread = threading.Thread(target=self._spin, name="ppcr-page-spin", daemon=True)

    def __enter__(self) -> NodeSpinner:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return


def serve_node(
    options: PageOptions,
    *,
    node_name: str,
    camera: str = "",
    image_topic: str = "",
    camera_info_topic: str = "",
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page of the node ``node_name`` until SIGINT or SIGTERM.

    Args:
        options: where and for whom.
        node_name: its full name, such as ``/left/ppcr``.
        camera: one of ``node.cameras``; empty for the first.
        image_topic: the camera's images; empty for the node's own name of them, unmapped.
        camera_info_topic: the camera's intrinsics; likewise.
        say: told the address.

    Raises:
        PPCRError: where the page cannot be served.
    """
    namespace, _, name = node_name.strip("/").rpartition("/")
    arguments = ["--ros-args", "-r", f"__ns:=/{namespace}"]
    for topic, target in (("image", image_topic), ("camera_info", camera_info_topic)):
        if target:
            arguments += ["-r", f"{camera_topic(camera, topic)}:={target}"]
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    node = Node(NODE_NAME)
    try:
        _serve(node, name, camera, options, say)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def main(args: Sequence[str] | None = None) -> None:
    """The executable ``ppcr_page``; exits with 1 where the page cannot be served."""
    words = sys.argv[1:] if args is None else args
    if {"-h", "--help"} & set(words):
        print(_help())
        return
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    node = Node(NODE_NAME)
    log = CleanLogger(NODE_NAME)
    try:
        check_installed()
        values = _declare_parameters(node)
        token_file = Path(values["token_file"]) if values["token_file"] else None
        access = Access(values["host"], values["port"], read_token(token_file), values["read_only"])
        options = PageOptions(access, values["rate_hz"])
        _serve(node, values["node"], values["camera"], options, log.info)
    except (PPCRError, ParameterException) as error:
        log.fatal(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def _serve(
    node: Node, name: str, camera: str, options: PageOptions, say: Callable[[str], None]
) -> None:
    source = NodeSource(node, name, camera)
    with NodeSpinner(node):
        serve(source, options, say)


def _declare_parameters(node: Node) -> dict[str, Any]:
    """The values of `PARAMETERS`."""
    widen_overrides(node, [key for key, item in PARAMETERS.items() if isinstance(item[0], float)])
    values = {
        name: node.declare_parameter(
            name, default, ParameterDescriptor(description=description, read_only=True)
        ).value
        for name, (default, description) in PARAMETERS.items()
    }
    warn_of_unknown(node, list(PARAMETERS))
    return values


def _help() -> str:
    parameters = [
        f"  -p {f'{name}:={default}':<20} {description}"
        for name, (default, description) in PARAMETERS.items()
    ]
    return "\n".join(
        [
            "usage: ros2 run ppcr_ros ppcr_page [--ros-args OPTION ...]",
            "",
            "The page about a running node: the picture, the mask, a line to type in.",
            "",
            *parameters,
            "  -r image:=/camera/color/image_raw   the images that the node listens to",
            "",
            "ros2 launch ppcr_ros ppcr.launch.py web:=true starts it beside the node.",
            "ppcr web --help: the same without ROS.",
        ]
    )


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

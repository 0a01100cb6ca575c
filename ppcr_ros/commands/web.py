"""``ppcr web``: a page that shows what is seen and understood, and takes what is said."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import (
    UsageError,
    add_config_arguments,
    config_of,
    positive_float,
    ros_name,
)
from ppcr_ros.commands.plugins import load_plugins

if TYPE_CHECKING:
    from ppcr_ros.web.embedded_source import StillPicture
    from ppcr_ros.web.server import PageOptions

HELP = "a page to speak to: the picture, the mask, and the three stages as they end"
DESCRIPTION = (
    "Without --node: load the models in this process and search recorded frames, or the pictures "
    "of --images, with no ROS. With --node: a client of that node's topics and action. Open the "
    "address that is printed in a browser. It is reached from this machine alone, unless --host "
    "says otherwise, which needs a token. Ctrl-C ends it."
)
_SUFFIXES = (".jpg", ".jpeg", ".png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    page = parser.add_argument_group("the page")
    page.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="default: %(default)s")
    page.add_argument("--port", type=int, default=8080, metavar="N", help="default: %(default)s")
    page.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="holds what a browser must show, 16 characters at least; else $PPCR_WEB_TOKEN",
    )
    page.add_argument("--read-only", action="store_true", help="nobody may say anything")
    page.add_argument(
        "--rate-hz",
        type=positive_float,
        default=15.0,
        metavar="HZ",
        help="so many pictures a second at most; default: %(default)s",
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help="JPEG and PNG files to search; default: recorded frames",
    )
    node = parser.add_argument_group("of a running node")
    node.add_argument("--node", type=ros_name, metavar="NAME", help="its full name, such as /ppcr")
    node.add_argument(
        "--camera", default="", metavar="NAME", help="one of node.cameras; default: the first"
    )
    node.add_argument(
        "--image-topic",
        type=ros_name,
        default="",
        metavar="TOPIC",
        help="what the node's image is remapped to",
    )
    node.add_argument(
        "--camera-info-topic",
        type=ros_name,
        default="",
        metavar="TOPIC",
        help="what its camera_info is remapped to; a grasp is drawn by it",
    )


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.web.server import check_installed

    check_installed()
    options = page_options(args)
    signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: what is held is given back
    if args.node is None:
        if args.camera or args.image_topic or args.camera_info_topic:
            raise UsageError(
                "--camera, --image-topic and --camera-info-topic are of a running node; name it "
                "with --node."
            )
        return _of_pictures(args, options)
    return _of_node(args, options)


def page_options(args: argparse.Namespace) -> PageOptions:
    """Where the page is and for whom.

    Raises:
        ConfigError: for what is no address, token or rate.
    """
    from ppcr_ros.web.access import Access, read_token
    from ppcr_ros.web.server import PageOptions

    access = Access(args.host, args.port, read_token(args.token_file), args.read_only)
    return PageOptions(access, args.rate_hz)


def _of_pictures(args: argparse.Namespace, options: PageOptions) -> int:
    from ppcr_ros.web.embedded_source import EmbeddedSource
    from ppcr_ros.web.server import serve

    config = config_of(args)
    pictures = still_pictures(args.images, config.node.max_image_pixels)
    title = "recorded frames, without ROS" if args.images is None else f"{args.images}, without ROS"
    serve(EmbeddedSource(pictures, config, title=title, log=_say), options, _say)
    return 0


def _of_node(args: argparse.Namespace, options: PageOptions) -> int:
    if args.config is not None or args.device is not None or args.images is not None:
        raise UsageError(
            "--config, --device and --images are for a page without ROS; a running node has its "
            "own configuration and camera."
        )
    try:
        from ppcr_ros.ros.page_main import serve_node
    except ImportError as error:
        raise UsageError(
            f"the page of a running node needs ROS 2 ({error}): source its workspace, or leave "
            "--node out for recorded frames."
        ) from error

    serve_node(
        options,
        node_name=args.node,
        camera=args.camera,
        image_topic=args.image_topic,
        camera_info_topic=args.camera_info_topic,
        say=_say,
    )
    return 0


def still_pictures(folder: Path | None, max_pixels: int) -> list[StillPicture]:
    """The pictures of a folder, or the recorded frames where it is None.

    Raises:
        UsageError: where there are none.
    """
    from ppcr_ros.camera.image_files import read_image_file
    from ppcr_ros.core.errors import InvalidFrameError
    from ppcr_ros.core.types import Frame
    from ppcr_ros.web.embedded_source import StillPicture

    if folder is None:
        for brought in load_plugins("ppcr_ros.still_pictures").values():
            return list(brought())
        raise UsageError(
            "there are no recorded frames: they belong to ppcr_lab, which is not installed. Give "
            "--images FOLDER, or --node NAME of a running node."
        )
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
        pictures = [
            StillPicture(Frame(rgb=read_image_file(path, max_pixels), frame_id=path.name))
            for path in files
        ]
    except (OSError, InvalidFrameError) as error:
        raise UsageError(f"cannot read the pictures of {folder}: {error}") from error
    if not pictures:
        raise UsageError(f"{folder} has no JPEG or PNG file; expected at least one.")
    return pictures


def _say(line: str) -> None:
    print(line, flush=True)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt

"""``ppcr record``: decisions into bags, of a running node or of one image file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ppcr_ros.commands.common import (
    UsageError,
    add_config_arguments,
    config_of,
    positive_int,
    ros_name,
)
from ppcr_ros.core.paths import usable_path

HELP = "record decisions as bags, for ppcr replay"
DESCRIPTION = (
    "Without IMAGE: have the running node record each command into FOLDER, on the node's machine, "
    "until Ctrl-C; the bags hold the very images that it searched. With IMAGE and COMMAND: run the "
    "pipeline here, with no ROS, and record how it ends. Either way ppcr replay makes the "
    "decisions again. Exit code: 0 where it was recorded, 2 where not."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", nargs="?", type=Path, help="a JPEG or PNG file")
    parser.add_argument("words", metavar="COMMAND", nargs="*", help="the small green ball")
    parser.add_argument(
        "--into", type=Path, required=True, metavar="FOLDER", help="where the bags go"
    )
    add_config_arguments(parser)
    live = parser.add_argument_group("of a running node")
    live.add_argument(
        "--node",
        type=ros_name,
        default="/ppcr",
        metavar="NAME",
        help="its full name; default: %(default)s",
    )
    live.add_argument(
        "--max-megabytes",
        type=positive_int,
        metavar="N",
        help="delete the oldest bags beyond this; default: what the node is set to",
    )
    live.add_argument(
        "--only", choices=("all", "failures"), help="default: what the node is set to"
    )
    live.add_argument(
        "--count", type=positive_int, default=0, metavar="N", help="end after N results"
    )


def run(args: argparse.Namespace) -> int:
    if args.image is None:
        return _of_node(args)
    if not args.words:
        raise UsageError(
            "an IMAGE needs a COMMAND beside it; give neither to record a running node."
        )
    return _of_file(args)


def _of_node(args: argparse.Namespace) -> int:
    if args.config is not None or args.device is not None:
        raise UsageError(
            "--config and --device are for an IMAGE; a running node has its own configuration."
        )
    try:
        from ppcr_ros.ros.record_client import record_live
    except ImportError as error:
        raise UsageError(
            f"recording a running node needs ROS 2 ({error}): source its workspace, or give an "
            "IMAGE and a COMMAND."
        ) from error

    named = {"record.max_megabytes": args.max_megabytes, "record.only": args.only}
    options: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    folder = usable_path(args.into, "--into").absolute()
    record_live(folder, args.node, options, args.count, lambda line: print(line, flush=True))
    return 0


def _of_file(args: argparse.Namespace) -> int:
    import uuid

    from ppcr_ros.commands.segment import read_frame, result_to_text
    from ppcr_ros.core.config import RecordConfig
    from ppcr_ros.models.factory import build_pipeline
    from ppcr_ros.replay.info import weights_checksums
    from ppcr_ros.replay.offline_recording import record_run
    from ppcr_ros.replay.recorder import prepare_folder

    config = config_of(args)
    frame = read_frame(args.image, config.node.max_image_pixels)
    words = " ".join(args.words)
    folder = prepare_folder(RecordConfig(folder=str(args.into)))
    with build_pipeline(config) as pipeline:
        result = pipeline.run(frame, words, command_id=uuid.uuid4().hex)
    try:
        bag = record_run(folder, frame, words, result, config, weights_checksums(config))
    except OSError as error:
        raise UsageError(f"cannot write into {folder}: {error.strerror or error}.") from error
    print(result_to_text(result))
    print(f"recorded  {bag}")
    return 0

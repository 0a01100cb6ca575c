"""Helpers that several subcommands share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.core.errors import PPCRError

if TYPE_CHECKING:
    from ppcr_ros.core.config import Config


class UsageError(PPCRError):
    """A command line that cannot be carried out."""


def add_config_arguments(
    parser: argparse.ArgumentParser, *, default: str = "the embedded models"
) -> None:
    """``--config``, whose ``default`` is told, and ``--device``."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration in ROS 2's parameter format, or the name of one that ships with the "
        f"package, such as desktop_gpu; default: {default}",
    )
    parser.add_argument(
        "--device",
        type=device_argument,
        metavar="DEVICE",
        help="where both models run, whatever the configuration says: auto, cpu, cuda or cuda:1",
    )


def config_of(args: argparse.Namespace) -> Config:
    """The configuration that the arguments of `add_config_arguments` name.

    Raises:
        ConfigError: when the file cannot be read or holds a bad option.
    """
    from dataclasses import replace

    from ppcr_ros.core.config import Config, load_config

    config = Config() if args.config is None else load_config(args.config)
    if args.device is None:
        return config
    return replace(
        config,
        mllm=replace(config.mllm, device=args.device),
        segmenter=replace(config.segmenter, device=args.device),
    )


def device_argument(text: str) -> str:
    """``text`` where it names a device, for argparse."""
    from ppcr_ros.core.device_names import check_device
    from ppcr_ros.core.errors import ConfigError

    try:
        return check_device(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


_ROS_NAME = re.compile(r"~?/?[A-Za-z_{][A-Za-z0-9_{}]*(?:/[A-Za-z_{][A-Za-z0-9_{}]*)*")


def ros_name(text: str) -> str:
    """``text`` where it can be the name of a node or a topic, for argparse."""
    if text and not _ROS_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no name in ROS; expected letters, digits and _ between slashes, such as "
            "/camera/image_raw"
        )
    return text


def positive_int(text: str) -> int:
    """``text`` as a whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def natural_int(text: str) -> int:
    """``text`` as a whole number of at least 0, for argparse."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def share(text: str) -> float:
    """``text`` as a number from 0 to 1, for argparse."""
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def positive_float(text: str) -> float:
    """``text`` as a number above 0, for argparse."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value

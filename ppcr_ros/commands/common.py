"""What several subcommands share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.core.errors import PPCRError

if TYPE_CHECKING:
    from ppcr_lab.evaluation.samples import ReferringSample
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
        help=f"configuration in ROS 2's parameter format; default: {default}",
    )
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        help="where both models run, whatever the configuration says",
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


def add_data_arguments(parser: argparse.ArgumentParser, *, data: str, limit: int) -> None:
    """Which samples: ``--data`` with the default ``data``, ``--limit`` and the rest.

    ``limit`` is the default for the tabletop, which has no end; a set of files is taken whole.
    """
    parser.set_defaults(tabletop_limit=limit)
    parser.add_argument(
        "--data",
        default=data,
        metavar="NAME:SPLIT",
        help="tabletop:train, :val, :test or :demo, or refcoco, refcoco+, refcocog or grefcoco "
        "with a split and --root; default: %(default)s",
    )
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="where a RefCOCO-format set is")
    parser.add_argument("--split-by", metavar="WHO", help="whose split: unc, google, umd, ...")
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="the images of a RefCOCO-format set"
    )
    parser.add_argument(
        "--limit",
        type=positive_int,
        metavar="N",
        help=f"samples; default: {limit} of the tabletop, all of a set of files",
    )
    parser.add_argument(
        "--start", type=natural_int, default=0, metavar="N", help="first sample; default: 0"
    )


def samples_of(args: argparse.Namespace) -> Iterator[ReferringSample]:
    """The samples that the arguments of `add_data_arguments` name, each made when asked for.

    Sets ``args.limit`` to how many there are, where it was not given.

    Raises:
        DataSetError: for a bad name, limit, start or folder.
    """
    from ppcr_lab.evaluation.samples import open_data_set

    if args.limit is None and args.data.partition(":")[0] == "tabletop":
        args.limit = args.tabletop_limit
    samples, args.limit = open_data_set(
        args.data,
        limit=args.limit,
        start=args.start,
        root=args.root,
        split_by=args.split_by,
        images=args.images,
    )
    return samples


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


def positive_float(text: str) -> float:
    """``text`` as a number above 0, for argparse."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value

"""Which samples a command works on: ``--data`` and what belongs to it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import natural_int, positive_int

if TYPE_CHECKING:
    from ppcr_lab.evaluation.samples import ReferringSample


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

"""Arguments that choose the samples of a command: ``--data`` and what belongs to it."""

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

    ``limit`` is the default for worlds that have no end; any other set is taken whole.
    """
    parser.set_defaults(tabletop_limit=limit)
    parser.add_argument(
        "--data",
        default=data,
        metavar="NAME:SPLIT",
        help="tabletop:train, :val, :test or :demo; everyday: and both: likewise; worlds:lamps, "
        ":raytraced, :bullet, :drawn, :effects or (with --root) :photos; requests:test or "
        ":recorded; crowded: with a world; or refcoco, refcoco+, refcocog, "
        "grefcoco or clevr-ref with a split "
        "and --root; default: %(default)s",
    )
    parser.add_argument("--root", type=Path, metavar="FOLDER", help="where a set of files is")
    parser.add_argument("--split-by", metavar="WHO", help="whose split: unc, google, umd, ...")
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="the images of a set of files"
    )
    parser.add_argument(
        "--limit",
        type=positive_int,
        metavar="N",
        help=f"samples; default: {limit} of what is drawn here, all of another set",
    )
    parser.add_argument(
        "--start", type=natural_int, default=0, metavar="N", help="first sample; default: 0"
    )
    parser.add_argument(
        "--kinds",
        metavar="NAMES",
        help="of these samples, only those of such kinds, with commas: relation,ordinal",
    )


def samples_of(args: argparse.Namespace) -> Iterator[ReferringSample]:
    """The samples that the arguments of `add_data_arguments` name, each made when asked for.

    Sets ``args.limit`` to how many there are, where it was not given; with ``--kinds`` there may
    be fewer.

    Raises:
        DataSetError: for a bad name, limit, start or folder.
    """
    from ppcr_lab.evaluation.samples import SIMULATED, open_data_set

    if args.limit is None and args.data.partition(":")[0] in SIMULATED:
        args.limit = args.tabletop_limit
    samples, args.limit = open_data_set(
        args.data,
        limit=args.limit,
        start=args.start,
        root=args.root,
        split_by=args.split_by,
        images=args.images,
    )
    if args.kinds is None:
        return samples
    return _of_kinds(samples, frozenset(args.kinds.split(",")))


def _of_kinds(
    samples: Iterator[ReferringSample], kinds: frozenset[str]
) -> Iterator[ReferringSample]:
    """Those of ``samples`` that are of such ``kinds``.

    Raises:
        DataSetError: at the end, where none has come.
    """
    from ppcr_lab.evaluation.referring_files import DataSetError

    there: set[str] = set()
    for sample in samples:
        there.add(sample.kind)
        if sample.kind in kinds:
            yield sample
    if kinds.isdisjoint(there):
        raise DataSetError(
            f"there is no sample of the kind {', '.join(sorted(kinds))}; these are of the kinds "
            f"{', '.join(sorted(there))}."
        )

"""``ppcr export``: a rendered data set as files in gRefCOCO's format."""

from __future__ import annotations

import argparse
from pathlib import Path

from ppcr_ros.commands.common import UsageError, natural_int, positive_int

HELP = "write the tabletop world as a data set in gRefCOCO's format"
DESCRIPTION = (
    "Render samples of the tabletop world and write them as COCO instances and gRefCOCO "
    "expressions. ppcr eval --data grefcoco:SPLIT --root FOLDER reads them back."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", default="tabletop:test", metavar="NAME:SPLIT", help="default: %(default)s"
    )
    parser.add_argument(
        "--limit", type=positive_int, default=500, metavar="N", help="samples; default: %(default)s"
    )
    parser.add_argument(
        "--start", type=natural_int, default=0, metavar="N", help="first scene; default: 0"
    )
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="a new folder")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    from ppcr_lab.evaluation.export import export
    from ppcr_lab.evaluation.samples import open_tabletop

    data_set, _, split = args.data.partition(":")
    if data_set != "tabletop" or not split:
        raise UsageError(f"the data set is {args.data!r}; expected tabletop and a split.")
    samples = open_tabletop(split, limit=args.limit, start=args.start)
    count = export(samples, args.into, split=split, total=args.limit, progress=not args.quiet)
    print(f"wrote {count} samples into {args.into}; to use them: ")
    print(f"  ppcr eval --data grefcoco:{split} --root {args.into} --limit {count}")
    return 0

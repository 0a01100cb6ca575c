"""``ppcr eval``: the figures of a configuration on a data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ppcr_ros.commands.common import (
    add_config_arguments,
    config_of,
    natural_int,
    positive_int,
)

HELP = "measure a configuration on a data set"
DESCRIPTION = (
    "Run every command of a data set once and report the figures. "
    "Exit code: 0, or 1 where every single run failed, or 2 where nothing could be run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        default="tabletop:test",
        metavar="NAME:SPLIT",
        help="tabletop:train, :val, :test or :demo; default: %(default)s",
    )
    parser.add_argument(
        "--limit", type=positive_int, default=500, metavar="N", help="samples; default: %(default)s"
    )
    parser.add_argument(
        "--start", type=natural_int, default=0, metavar="N", help="first scene; default: 0"
    )
    add_config_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")
    parser.add_argument("--gallery", type=Path, metavar="FILE", help="write the worst cases, PNG")
    parser.add_argument(
        "--gallery-size", type=positive_int, default=24, metavar="N", help="default: %(default)s"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.commands.segment import write_image
    from ppcr_ros.evaluation.gallery import WorstCases
    from ppcr_ros.evaluation.provenance import provenance
    from ppcr_ros.evaluation.report import prepare_output, write_text
    from ppcr_ros.evaluation.runner import evaluate
    from ppcr_ros.evaluation.samples import open_data_set
    from ppcr_ros.models.factory import build_pipeline

    config = config_of(args)
    for path in (args.json, args.markdown, args.gallery):
        if path is not None:
            prepare_output(path)
    samples = open_data_set(args.data, limit=args.limit, start=args.start)
    worst = WorstCases(args.gallery_size)
    with build_pipeline(config) as pipeline:
        report = evaluate(
            pipeline,
            samples,
            data=args.data,
            total=args.limit,
            progress=not args.quiet,
            observe=worst if args.gallery is not None else None,
            provenance=provenance(config, args.command_line),
        )
    if args.json is not None:
        write_text(args.json, report.to_json())
    if args.markdown is not None:
        write_text(args.markdown, report.to_markdown())
    print(report.to_markdown(), end="")
    if args.gallery is not None:
        sheet = worst.sheet(f"{args.data}: the worst answers of {report.overall.n}")
        if sheet is None:
            print("no gallery: every answer was right", file=sys.stderr)
        else:
            write_image(args.gallery, sheet)
    if report.all_failed:
        print(f"ppcr: all {report.overall.n} runs failed; see the endings above", file=sys.stderr)
        return 1
    return 0

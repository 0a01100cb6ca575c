"""``ppcr bench``: how fast a configuration is on this machine, and against what."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import (
    UsageError,
    add_config_arguments,
    add_data_arguments,
    config_of,
    samples_of,
)

if TYPE_CHECKING:
    from ppcr_ros.core.config import Config
    from ppcr_ros.evaluation.benchmark.comparison import Sample
    from ppcr_ros.evaluation.benchmark.report import BenchReport

HELP = "measure how fast a configuration is on this machine"
DESCRIPTION = (
    "Time every stage, and the whole against two ways to use the same models without this "
    "pipeline, on the same frames in turn; check that all say the same; compare each part with "
    "what the machine could do at best; and measure what the ROS node adds. Exit code: 0, or 1 "
    "where a baseline did not say the same, or 2 where nothing could be run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_arguments(parser, data="tabletop:test", limit=24)
    add_config_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write them into the marked place of a Markdown page, or behind its end",
    )
    parser.add_argument(
        "--growth",
        type=Path,
        nargs="?",
        const=Path("docs/growth.png"),
        metavar="PNG",
        help="measure as well how the cost grows with image, scene and command, and draw it; "
        "default: %(const)s",
    )
    parser.add_argument(
        "--quick", action="store_true", help="start no processes: no start-up time, no memory"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    import json

    from ppcr_ros.evaluation.benchmark import growth, report
    from ppcr_ros.evaluation.benchmark.comparison import Sample
    from ppcr_ros.evaluation.provenance import machine, provenance
    from ppcr_ros.evaluation.report import prepare_output, write_text

    config = config_of(args)
    for path in (args.json, args.markdown, args.growth):
        if path is not None:
            prepare_output(path)
    if args.markdown is not None:
        report.place_in(args.markdown)  # to be told now, not when all has been measured
    load = os.getloadavg()[0]
    origin = provenance(config, args.command_line)
    samples = [Sample(item.sample_id, item.frame, item.command) for item in samples_of(args)]
    if not samples:
        raise UsageError(f"{args.data} has no samples; expected at least one.")
    found = _measured(args, config, samples)
    found.load, found.provenance = load, replace(origin, machine=machine())
    section = found.to_markdown()
    if args.json is not None:
        write_text(args.json, json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
    if args.markdown is not None:
        report.put_into(args.markdown, section)
    if args.growth is not None and found.growth is not None:
        growth.plot(found.growth, args.growth)
    print(section, end="")
    return 1 if found.comparison.differences else 0


def _measured(args: argparse.Namespace, config: Config, samples: list[Sample]) -> BenchReport:
    """All figures, with a bar that moves on with every measurement."""
    from tqdm import tqdm

    from ppcr_ros.evaluation.benchmark.run import Settings, measure, steps
    from ppcr_ros.models.factory import build_pipeline

    with_growth, fresh = args.growth is not None, not args.quick
    total = steps(len(samples), with_growth=with_growth, fresh_processes=fresh)
    with (
        build_pipeline(config) as pipeline,
        tqdm(total=total, desc="bench", disable=args.quiet) as bar,
    ):

        def step(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        settings = Settings(args.config, args.device, with_growth, fresh, step)
        return measure(pipeline, config, samples, settings)

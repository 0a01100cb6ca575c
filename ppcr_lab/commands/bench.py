"""``ppcr bench``: how fast a configuration is on this machine, and against what."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_lab.commands import bench_random
from ppcr_lab.commands.data import add_data_arguments, samples_of
from ppcr_ros.commands.common import UsageError, add_config_arguments, config_of, positive_int

if TYPE_CHECKING:
    from ppcr_lab.bench.bench_report import BenchReport
    from ppcr_lab.bench.comparison import Sample
    from ppcr_ros.core.config import Config

HELP = "measure how fast a configuration is on this machine"
DESCRIPTION = (
    "Time every stage, and the whole against two ways to use the same models without this "
    "pipeline, on the same frames in turn; check that all say the same; compare each part with "
    "what the machine could do at best; and measure what the ROS node adds. With --random measure "
    "real architectures without their weights; with --robots the engine of a served MLLM. Exit "
    "code: 0, or 1 where a baseline or the engine did not say the same, or 2 where nothing could "
    "be run."
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
        "--quick", action="store_true", help="start no processes: no start-up time, no memory"
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="another checkout of this package, which answers the same commands in turn",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument(
        "--robots",
        type=positive_int,
        metavar="N",
        help="measure the engine of a served MLLM (--config) instead: N robots ask it at once",
    )
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="how long they ask; default: %(default)s"
    )
    bench_random.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.random:
        return bench_random.run(args)
    if args.robots:
        return _run_fleet(args)
    import json

    from ppcr_lab.bench import bench_report as report
    from ppcr_lab.bench.comparison import Sample
    from ppcr_lab.evaluation.pages import place_in, put_into
    from ppcr_ros.commands.output import prepare_output, write_text
    from ppcr_ros.weights.provenance import machine, provenance

    config = config_of(args)
    for path in (args.json, args.markdown):
        if path is not None:
            prepare_output(path)
    if args.markdown is not None:  # to be told now, not when all has been measured
        place_in(args.markdown, report.MARKS, append=True)
    load = os.getloadavg()[0]
    origin = provenance(config, args.command_line)
    if args.against is not None and not (args.against / "ppcr_ros").is_dir():
        raise UsageError(
            f"{args.against} has no folder ppcr_ros; expected a checkout of this package."
        )
    samples = [Sample(item.sample_id, item.frame, item.command) for item in samples_of(args)]
    if not samples:
        raise UsageError(f"{args.data} has no samples; expected at least one.")
    compared = _measured(args, config, samples)
    compared.load, compared.provenance = load, replace(origin, machine=machine())
    section = compared.to_markdown()
    if args.json is not None:
        write_text(args.json, json.dumps(compared.to_dict(), indent=2, allow_nan=False) + "\n")
    if args.markdown is not None:
        put_into(args.markdown, section, report.MARKS, append=True)
    print(section, end="")
    return 1 if compared.comparison.differences else 0


def _run_fleet(args: argparse.Namespace) -> int:
    import json
    from dataclasses import asdict

    from ppcr_lab.bench.fleet import run_fleet
    from ppcr_ros.commands.output import prepare_output, write_text

    mllm = config_of(args).mllm
    if mllm.family != "served":
        raise UsageError(
            f"--robots with mllm.family {mllm.family!r}; expected the configuration of a served "
            "MLLM, such as --config served_qwen3_vl_4b_sam2."
        )
    if args.json is not None:
        prepare_output(args.json)
    report = run_fleet(mllm, args.robots, 60.0 * args.minutes)
    text = json.dumps(asdict(report), indent=2) + "\n"
    if args.json is not None:
        write_text(args.json, text)
    print(text, end="")
    return 1 if report.crossed or report.lost else 0


def _measured(args: argparse.Namespace, config: Config, samples: list[Sample]) -> BenchReport:
    """All figures, with a bar that moves on with every measurement."""
    from tqdm import tqdm

    from ppcr_lab.bench.measurements import Settings, measure, steps
    from ppcr_ros.models.factory import build_pipeline

    fresh = not args.quick
    looks = config.pipeline.look_again_below
    one_look = replace(config, pipeline=replace(config.pipeline, look_again_below=0.0))
    with (
        build_pipeline(one_look) as pipeline,
        tqdm(
            total=steps(len(samples), fresh_processes=fresh, against=args.against is not None),
            desc="bench",
            disable=args.quiet,
        ) as bar,
    ):

        def step(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        settings = Settings(args.config, args.device, fresh, args.against, step, looks)
        return measure(pipeline, one_look, samples, settings)

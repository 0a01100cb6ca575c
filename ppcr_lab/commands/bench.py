"""``ppcr bench``: how fast a configuration is on this machine, and against what."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppcr_lab.commands import bench_random
from ppcr_lab.commands.data import add_data_arguments, samples_of
from ppcr_ros.commands.common import UsageError, add_config_arguments, config_of

if TYPE_CHECKING:
    from ppcr_lab.bench.comparison import Sample
    from ppcr_lab.bench.growth_report import GrowthReport
    from ppcr_lab.bench.report import BenchReport
    from ppcr_ros.core.config import Config

GROWTH_PICTURE = Path("docs/growth.png")
HELP = "measure how fast a configuration is on this machine"
DESCRIPTION = (
    "Time every stage, and the whole against two ways to use the same models without this "
    "pipeline, on the same frames in turn; check that all say the same; compare each part with "
    "what the machine could do at best; and measure what the ROS node adds. With --growth measure "
    "how the cost grows, too; with --random measure real architectures without their weights. Exit "
    "code: 0, or 1 where a baseline did not say the same, or 2 where nothing could be run."
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
        const=GROWTH_PICTURE,
        metavar="PNG",
        help="measure as well how the cost grows with the image's size, the objects in the scene, "
        "the command's length and the number of cameras, and draw it; default: %(const)s",
    )
    parser.add_argument(
        "--only-growth", action="store_true", help="measure that growth and nothing else"
    )
    parser.add_argument(
        "--quick", action="store_true", help="start no processes: no start-up time, no memory"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    bench_random.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    if args.random:
        return bench_random.run(args)
    import json

    from ppcr_lab.bench import growth_plot, growth_report, report
    from ppcr_lab.bench.comparison import Sample
    from ppcr_lab.evaluation.pages import Marks, place_in, put_into
    from ppcr_ros.commands.output import prepare_output, write_text
    from ppcr_ros.weights.provenance import machine, provenance

    config = config_of(args)
    picture = args.growth or (GROWTH_PICTURE if args.only_growth else None)
    for path in (args.json, args.markdown, picture):
        if path is not None:
            prepare_output(path)
    if args.markdown is not None:  # to be told now, not when all has been measured
        for marks in (report.MARKS, growth_report.MARKS):
            place_in(args.markdown, marks, append=True)
    load = os.getloadavg()[0]
    origin = provenance(config, args.command_line)
    samples = []
    if not args.only_growth:
        samples = [Sample(item.sample_id, item.frame, item.command) for item in samples_of(args)]
        if not samples:
            raise UsageError(f"{args.data} has no samples; expected at least one.")
    compared, grown = _measured(args, config, samples, with_growth=picture is not None)
    origin = replace(origin, machine=machine())
    figures: dict[str, Any] = {}
    sections: list[tuple[str, Marks]] = []
    if grown is not None and picture is not None:
        found = replace(grown, load=load, provenance=origin)
        growth_plot.plot(found.growth, picture)
        figures |= found.to_dict()
        page = args.markdown or Path()
        sections.append((found.to_markdown(_seen_from(page, picture)), growth_report.MARKS))
    if compared is not None:
        compared.load, compared.provenance = load, origin
        figures = compared.to_dict() | {"growth": figures.get("growth")}
        sections.insert(0, (compared.to_markdown(), report.MARKS))
    if args.json is not None:
        write_text(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
    for section, marks in sections:
        if args.markdown is not None:
            put_into(args.markdown, section, marks, append=True)
        print(section, end="\n" * (len(sections) > 1))
    return 1 if compared is not None and compared.comparison.differences else 0


def _seen_from(page: Path, picture: Path) -> str:
    """The picture's path as a link on the page has it."""
    return Path(os.path.relpath(picture, page.parent)).as_posix()


def _measured(
    args: argparse.Namespace, config: Config, samples: list[Sample], *, with_growth: bool
) -> tuple[BenchReport | None, GrowthReport | None]:
    """All figures, with a bar that moves on with every measurement."""
    from tqdm import tqdm

    from ppcr_lab.bench import growth_run
    from ppcr_lab.bench.growth_report import GrowthReport
    from ppcr_lab.bench.run import Settings, measure, steps
    from ppcr_ros.models.factory import build_pipeline

    fresh = not args.quick
    total = steps(len(samples), fresh_processes=fresh) if samples else 0
    total += growth_run.steps(fresh_processes=fresh) if with_growth else 0
    compared = grown = None
    with (
        build_pipeline(config) as pipeline,
        tqdm(total=total, desc="bench", disable=args.quiet) as bar,
    ):

        def step(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        if samples:
            settings = Settings(args.config, args.device, fresh, step)
            compared = measure(pipeline, config, samples, settings)
        if with_growth:
            curves = growth_run.measure_growth(
                pipeline,
                config,
                config_file=args.config,
                device=args.device,
                fresh_processes=fresh,
                step=step,
            )
            models = {"mllm": pipeline.mllm.name, "segmenter": pipeline.segmenter.name}
            grown = GrowthReport(curves, models)
    return compared, grown

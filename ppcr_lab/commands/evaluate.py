"""``ppcr eval``: the figures of a configuration on a data set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppcr_lab.commands.data import add_data_arguments, samples_of
from ppcr_ros.commands.common import (
    UsageError,
    add_config_arguments,
    config_of,
    positive_int,
    share,
)

if TYPE_CHECKING:
    from ppcr_lab.evaluation.journal import Journal
    from ppcr_ros.core.config import Config
    from ppcr_ros.core.guidance import Guidance
    from ppcr_ros.core.pipeline import PPCRPipeline
    from ppcr_ros.weights.provenance import Provenance

HELP = "measure a configuration on a data set"
DESCRIPTION = (
    "Run every command of a data set once and report the figures. With --json, what was run is "
    "kept in a journal beside the file until the report is written, so that a call that was "
    "stopped goes on where it was. Exit code: 0, or 1 where every single run failed, or 2 where "
    "nothing could be run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_arguments(parser, data="tabletop:test", limit=500)
    add_config_arguments(parser)
    parser.add_argument(
        "--ablate", action="store_true", help="run each command with parts of PPCR left out as well"
    )
    parser.add_argument(
        "--ways",
        metavar="NAMES",
        help="of --ablate, only these, with commas; default: all. direct is always one of them",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="write it as Markdown; with --ablate into the place that is marked in the file",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="begin anew where a journal was left behind"
    )
    parser.add_argument(
        "--shards",
        type=positive_int,
        metavar="N",
        help="run in N processes, each with its own models; one journal; default: in this one",
    )
    parser.add_argument(
        "--endpoints",
        metavar="URLS",
        help="for mllm.family served: engines with commas, a process for each of them or, with "
        "--shards, for each shard in turn",
    )
    parser.add_argument(
        "--spoil-boxes",
        type=share,
        metavar="SHARE",
        help="shift and scale each box of stage 2 by up to this share of its sides, as an MLLM's "
        "are that grounds badly; one look at each image is taken then, for the box of another "
        "look would be spoilt anew",
    )
    parser.add_argument("--gallery", type=Path, metavar="FILE", help="write the worst cases, PNG")
    parser.add_argument(
        "--gallery-size", type=positive_int, default=24, metavar="N", help="default: %(default)s"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    from ppcr_lab.evaluation.ablation_markdown import MARKS
    from ppcr_lab.evaluation.pages import place_in
    from ppcr_ros.commands.output import check_distinct, prepare_output, prepare_pictures
    from ppcr_ros.weights.provenance import provenance

    if args.ablate and args.gallery is not None:
        raise UsageError("--gallery shows the answers of one way; leave it or --ablate out.")
    ways = _ways(args)
    config = config_of(args)
    if args.spoil_boxes:
        config = replace(config, pipeline=replace(config.pipeline, look_again_below=0.0))
    endpoints = _endpoints(args, config)
    check_distinct((args.json, args.markdown, args.gallery), read=(args.config,))
    prepare_pictures((args.gallery,))
    for path in (args.json, args.markdown):
        if path is not None:
            prepare_output(path)
    if args.ablate and args.markdown is not None:
        place_in(args.markdown, MARKS)  # to be told now, not after all ways have run
    origin = provenance(config, args.command_line)
    if args.ablate:
        return _ablate(args, config, origin, ways)
    return _evaluate(args, config, origin, endpoints)


def _endpoints(args: argparse.Namespace, config: Config) -> list[str]:
    """Of --endpoints; none where it is not given."""
    from ppcr_ros.core.config import SERVED

    if (args.shards or args.endpoints) and (args.ablate or args.gallery is not None):
        raise UsageError("--shards and --endpoints go with neither --ablate nor --gallery.")
    if (args.shards or args.endpoints) and args.spoil_boxes:
        raise UsageError("--shards and --endpoints do not go with --spoil-boxes.")
    endpoints = [url for url in (args.endpoints or "").split(",") if url]
    if endpoints and config.mllm.family != SERVED:
        raise UsageError(
            f"--endpoints goes with mllm.family {SERVED!r}; the configuration's is "
            f"{config.mllm.family!r}."
        )
    return endpoints


def _ways(args: argparse.Namespace) -> tuple[Guidance, ...]:
    """The ways of --ways, in their usual order, direct grounding among them; all by default."""
    from ppcr_lab.evaluation.ablation import BASELINE, WAYS

    if args.ways is None:
        return WAYS
    names = args.ways.split(",")
    unknown = sorted(set(names) - {way.value for way in WAYS})
    if unknown or not args.ablate:
        raise UsageError(
            f"--ways {args.ways} goes with --ablate and names some of "
            f"{', '.join(way.value for way in WAYS)}, with commas."
        )
    return tuple(way for way in WAYS if way.value in names or way is BASELINE)


def _runs(args: argparse.Namespace, config: Config, endpoints: list[str]) -> Any:
    """What is evaluated: a pipeline in this process, or several in others; to be closed."""
    if args.shards is None and not endpoints:
        return _pipeline(args, config)
    from ppcr_lab.evaluation.shards import ShardedRuns, configs_of

    return ShardedRuns(configs_of(config, args.shards or 1, endpoints))


def _pipeline(args: argparse.Namespace, config: Config) -> PPCRPipeline:
    """The pipeline of ``config``, its boxes spoilt where --spoil-boxes says so."""
    from ppcr_lab.evaluation.spoilt_boxes import spoil_boxes
    from ppcr_ros.models.factory import build_pipeline

    pipeline = build_pipeline(config)
    if args.spoil_boxes:
        spoil_boxes(pipeline, args.spoil_boxes)
    return pipeline


def _evaluate(
    args: argparse.Namespace, config: Config, origin: Provenance, endpoints: list[str]
) -> int:
    from ppcr_lab.evaluation.gallery import WorstCases
    from ppcr_lab.evaluation.runner import evaluate
    from ppcr_ros.commands.output import write_text
    from ppcr_ros.commands.segment import write_image
    from ppcr_ros.weights.provenance import machine

    samples = samples_of(args)
    worst = WorstCases(args.gallery_size)
    with _journal(args, origin) as journal, _runs(args, config, endpoints) as pipeline:
        report = evaluate(
            pipeline,
            samples,
            data=args.data,
            total=args.limit,
            progress=not args.quiet,
            observe=worst if args.gallery is not None else None,
            journal=journal,
            provenance=replace(origin, machine=machine()),  # torch now knows its devices
        )
        if args.json is not None:
            write_text(args.json, report.to_json())
            journal.close(delete=True)
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


def _ablate(
    args: argparse.Namespace, config: Config, origin: Provenance, ways: tuple[Guidance, ...]
) -> int:
    import json

    from ppcr_lab.evaluation.ablation import ablate
    from ppcr_lab.evaluation.ablation_markdown import MARKS, to_markdown
    from ppcr_lab.evaluation.pages import put_into
    from ppcr_ros.commands.output import write_text
    from ppcr_ros.weights.provenance import machine

    samples = samples_of(args)
    with _journal(args, origin) as journal, _pipeline(args, config) as pipeline:
        report = ablate(
            pipeline,
            config,
            samples,
            data=args.data,
            total=args.limit,
            progress=not args.quiet,
            journal=journal,
            provenance=replace(origin, machine=machine()),  # torch now knows its devices
            ways=ways,
        )
        section = to_markdown(report)
        if args.json is not None:
            write_text(args.json, json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n")
            journal.close(delete=True)
    if args.markdown is not None:
        put_into(args.markdown, section, MARKS)
    print(section, end="")
    return 1 if all(way.impossible for way in report.ways.values()) else 0


@contextmanager
def _journal(args: argparse.Namespace, origin: Provenance) -> Iterator[Journal]:
    """The journal beside --json; says how to go on where the evaluation is stopped."""
    from ppcr_lab.evaluation.journal import Journal

    path = None if args.json is None else args.json.with_suffix(".journal.jsonl")
    about = asdict(origin)
    fingerprint = {
        "data": [args.data, args.start, str(args.root), str(args.split_by), str(args.images)],
        "ablate": args.ablate,
        "spoil_boxes": args.spoil_boxes,
        **{name: about[name] for name in ("config", "weights_sha256")},
        "version": origin.packages["ppcr_ros"],
    }
    with Journal(path, fingerprint, fresh=args.fresh) as journal:
        if len(journal) and not args.quiet:
            print(f"going on after {len(journal)} runs of {path}", file=sys.stderr)
        try:
            yield journal
        except KeyboardInterrupt:
            if path is not None:
                print(f"\nstopped; the same call goes on from {path}", file=sys.stderr)
            raise

"""``ppcr bench --random``: speed of the real architectures without their weights."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ppcr_lab.commands.data import samples_of
from ppcr_ros.commands.common import UsageError, config_of, positive_int

_SMALL = "_small"
_TOKENS = (60, 40)
_LIMIT = 6
QUANTIZATIONS = ("none", "int8", "int4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "with random weights",
        "measure real architectures without downloading them: their weights are random and their "
        "answers forced, so that only times mean something",
    )
    group.add_argument(
        "--random",
        nargs="+",
        metavar="MLLM",
        help="one or more of qwen2_5_vl_3b, qwen3_vl_2b, qwen3_vl_4b, and for a CPU "
        "qwen2_5_vl_small, qwen3_vl_small",
    )
    group.add_argument(
        "--random-segmenter",
        metavar="NAME",
        help="vit_b, vit_l, vit_h, sam2_hiera_tiny or sam_small; default: vit_b, and sam_small "
        "beside a small MLLM",
    )
    group.add_argument(
        "--random-tokens",
        nargs=2,
        type=positive_int,
        default=_TOKENS,
        metavar=("N1", "N2"),
        help="tokens that stage 1 and stage 2 write; default: %(default)s",
    )
    group.add_argument(
        "--weights",
        nargs="+",
        choices=QUANTIZATIONS,
        metavar="FORMAT",
        help="number formats of the MLLM's weights (none, int8, int4); the first is that of all "
        "measurements, of the others prefill and token are measured; default: the configuration's",
    )


def run(args: argparse.Namespace) -> int:
    import json
    import os

    from tqdm import tqdm

    from ppcr_lab.bench import random_models
    from ppcr_lab.bench.bench_report import RANDOM_MARKS
    from ppcr_lab.bench.comparison import Sample
    from ppcr_lab.bench.random_run import RandomSettings, config_for, measure_random
    from ppcr_lab.evaluation.pages import place_in, put_into
    from ppcr_ros.commands.output import prepare_output, write_text
    from ppcr_ros.weights.provenance import machine, provenance

    given = config_of(args)
    chosen = []
    first, second = args.random_tokens
    for name in args.random:
        small = random_models.SAM_SMALL if name.endswith(_SMALL) else "vit_b"
        segmenter = args.random_segmenter or small
        random_models.check_names(name, segmenter)
        formats = tuple(dict.fromkeys(args.weights or (given.mllm.quantization,)))
        chosen.append(RandomSettings(name, segmenter, (first, second), formats))
    for path in (args.json, args.markdown):
        if path is not None:
            prepare_output(path)
    if args.markdown is not None:
        place_in(args.markdown, RANDOM_MARKS, append=True)
    args.tabletop_limit = _LIMIT
    samples = [Sample(item.sample_id, item.frame, item.command) for item in samples_of(args)]
    if not samples:
        raise UsageError(f"{args.data} has no samples; expected at least one.")
    found = []
    total = sum(len(samples) + 7 + len(settings.formats) for settings in chosen)
    with tqdm(total=total, desc="bench", disable=args.quiet) as bar:

        def step(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        for settings in chosen:
            settings.step = step
            config = config_for(settings, given)
            load, origin = os.getloadavg()[0], provenance(config, args.command_line)
            measured = measure_random(settings, config, samples)
            measured.load, measured.provenance = load, replace(origin, machine=machine())
            found.append(measured)
    section = "\n".join(item.to_markdown() for item in found)
    if args.json is not None:
        figures = {s.mllm: item.to_dict() for s, item in zip(chosen, found, strict=True)}
        write_text(args.json, json.dumps(figures, indent=2, allow_nan=False) + "\n")
    if args.markdown is not None:
        put_into(args.markdown, section, RANDOM_MARKS, append=True)
    print(section, end="")
    return 1 if any(item.comparison.differences for item in found) else 0

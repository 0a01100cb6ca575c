"""``ppcr train mean``: a mean of the weights of two ppcr-tiny MLLMs of one line of training.

What a model was good at fades while it learns more; a mean keeps much of both (WiSE-FT: Wortsman
et al., Robust fine-tuning of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ppcr_lab.training.tiny_checkpoint import (
    build_processor,
    load_checkpoint,
    load_to_go_on,
    load_tokenizer,
    save_checkpoint,
)
from ppcr_ros.commands.common import share


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mllm", type=Path, required=True, help="folder of the MLLM as it is now")
    parser.add_argument("--before", type=Path, required=True, help="folder of an earlier one")
    parser.add_argument("--share", type=share, required=True, help="of the earlier one, 0..1")
    parser.add_argument("--into", type=Path, required=True, help="folder of the new MLLM")


def run(args: argparse.Namespace) -> int:
    mean_of(args.mllm, args.before, args.share, args.into)
    print(f"wrote {args.into}; fit what it knows of itself anew: ppcr train knowledge")
    return 0


def mean_of(now: Path, before: Path, share_before: float, into: Path) -> None:
    """Write into ``into`` the weights of ``now``, with ``share_before`` (0..1) of ``before``'s.

    Words that the earlier one has no token for get what it would have begun them with.
    """
    tokenizer, model = load_tokenizer(now), load_checkpoint(now)
    earlier = load_to_go_on(before, tokenizer)
    weights, others = model.state_dict(), earlier.state_dict()
    mean = {name: torch.lerp(weights[name], others[name], share_before) for name in weights}
    save_checkpoint(model, build_processor(tokenizer), into, mean)

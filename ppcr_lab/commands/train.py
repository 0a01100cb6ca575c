"""``ppcr train``: hands over to the training code, which is only imported when it is asked for."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

from ppcr_ros.commands.common import UsageError

HELP = "train the embedded models, or a prompt adapter and its calibration for any pair"
DESCRIPTION = (
    "Train the embedded models, or a prompt adapter and the calibration of the score for any "
    "pair. See ppcr train WHAT --help."
)

TRAINERS: dict[str, tuple[str, str]] = {
    "tiny": (
        "ppcr_lab.training.tiny",
        "render both worlds, train on them all that is embedded, and install the weights",
    ),
    "adapter": (
        "ppcr_lab.training.adapter_command",
        "train the prompt adapter between an MLLM and a segmenter, embedded or big",
    ),
    "calibration": (
        "ppcr_lab.training.calibration",
        "fit how sure a configuration is of a mask to how often it is right",
    ),
    "knowledge": (
        "ppcr_lab.training.knowledge",
        "fit which pictures an MLLM knows, and how often its 'not there' is right",
    ),
    "absence": (
        "ppcr_lab.training.absence",
        "let a trained ppcr-tiny say 'not there' more or less readily",
    ),
    "mean": (
        "ppcr_lab.training.mean",
        "take a mean of the weights of a ppcr-tiny and of an earlier one",
    ),
    "curve": ("ppcr_lab.training.curve", "draw the log of a training run"),
}
"""Each choice's module, with ``add_arguments(parser)`` and ``run(args)``, and its help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    # What follows the choice belongs to the trainer's own parser, which is not imported yet.
    parser.add_argument("what", nargs="?", choices=tuple(TRAINERS), help="what to do")
    parser.epilog = "\n".join(f"  {name:12} {text}" for name, (_, text) in TRAINERS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(own_parser=parser)


def run(args: argparse.Namespace) -> int:
    if args.what is None:
        args.own_parser.print_help()
        wants_help = bool({"-h", "--help"} & set(args.rest))
        return 0 if wants_help else 2
    module_name, description = TRAINERS[args.what]
    module = _import(module_name)
    parser = argparse.ArgumentParser(prog=f"ppcr train {args.what}", description=description)
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(args.rest)) or 0)


def _import(name: str) -> ModuleType:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{name} cannot be imported: {error}. Training needs torch, transformers and "
            "segment-anything; ppcr doctor says what is missing."
        ) from error
    if not (hasattr(module, "add_arguments") and hasattr(module, "run")):
        raise UsageError(f"{name} is no trainer; expected add_arguments and run in it.")
    return module

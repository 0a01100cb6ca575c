"""``python -m ppcr_lab.robustness.fuzz TARGET --seconds N``: one fuzzer, guided by coverage."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

_INSTRUMENTED = (
    "ppcr_ros.models.mllm", "ppcr_ros.camera", "ppcr_ros.core", "ppcr_ros.replay",
    "ppcr_ros.weights", "rosbags", "yaml", "json",
)  # fmt: skip
_NAMES = ("answers", "encodings", "compressed", "configuration", "bags")


def main() -> None:
    """Ends with status 0 after the time, and with another where an input was found."""
    parser = argparse.ArgumentParser(prog="python -m ppcr_lab.robustness.fuzz", description=__doc__)
    parser.add_argument("target", choices=_NAMES)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"))
    parser.add_argument(
        "--slow", type=int, default=10, metavar="SECONDS",
        help="what takes longer is a finding; a busy machine needs more. default: %(default)s",
    )  # fmt: skip
    args = parser.parse_args()
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        parser.error("the fuzzers need atheris: pip install atheris")
    with atheris.instrument_imports(include=list(_INSTRUMENTED)):
        from ppcr_lab.robustness.fuzz.targets import TARGETS, seeds_of
    corpus = args.corpus / args.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_of(args.target)):
        (corpus / f"seed{number}").write_bytes(seed)
    options = [
        f"-max_total_time={args.seconds}",
        f"-timeout={args.slow}",
        "-rss_limit_mb=4000",
        "-max_len=20000",
        f"-artifact_prefix={args.corpus}/{args.target}-found-",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], TARGETS[args.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

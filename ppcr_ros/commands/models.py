"""``ppcr models``: which model sets the configuration files name, and which are on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import UsageError, size_text
from ppcr_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from ppcr_ros.weights import ModelWeights

HELP = "list the model sets of the configuration files"
DESCRIPTION = (
    "For each configuration file: which models it names, where their weights are, and whether they "
    "are there. Exit code: 0, or 1 where a file is no valid configuration."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "configs",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="configuration files or folders of them; default: those of the package",
    )


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.core.config import load_config
    from ppcr_ros.weights import locate

    exit_code = 0
    for path in config_files(args.configs):
        print(path)
        try:
            config = load_config(path)
        except ConfigError as error:
            print(f"  INVALID    {error}")
            exit_code = 1
            continue
        for model in locate(config):
            print(_line(model))
    return exit_code


def config_files(given: list[Path]) -> list[Path]:
    """The files that were given, folders opened; without any, the package's own.

    Raises:
        UsageError: when one does not exist, or there is none at all.
    """
    files: list[Path] = []
    for path in given or default_folders():
        if not path.exists():
            raise UsageError(f"there is no {path}; expected a configuration file or a folder.")
        files += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise UsageError("no configuration file found; name one, such as config/ppcr.yaml.")
    return files


def default_folders() -> list[Path]:
    """The first folder with the package's configuration files: sources, ROS prefix or Python's."""
    roots = [Path(part) for part in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if part]
    candidates = [
        Path(__file__).resolve().parents[2] / "config",
        *(root / "share" / "ppcr_ros" / "config" for root in (*roots, Path(sys.prefix))),
    ]
    return [folder for folder in candidates if any(folder.glob("*.yaml"))][:1]


def _line(model: ModelWeights) -> str:
    pinned = f" @ {model.revision[:12]}" if model.revision else ""
    head = f"  {model.role:9}  {model.family:16}  {model.model}{pinned}"
    if model.problem:
        state = "MISSING" if model.place is None else "WRONG"
        return f"{head}\n             {state}: {model.problem}"
    return f"{head}\n             present: {size_text(model.size_bytes)} in {model.place}"

"""``ppcr models size``: memory and latency of configurations on a board, computed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import UsageError
from ppcr_ros.commands.models import add_action, add_files, config_files

if TYPE_CHECKING:
    from ppcr_ros.core.config import Config

DESCRIPTION = (
    "What the models of configurations take on a board: memory, and the seconds of one command, "
    "computed from their architecture and the board's published figures. Nothing is measured and "
    "no weights are needed. Exit code: 0, or 1 where --board is given and one does not fit."
)


def add_actions(actions: object) -> None:
    """Add the parser of the action."""
    parser = add_action(actions, "size", "memory and latency on a board, computed", DESCRIPTION)
    add_files(parser)
    parser.add_argument("--board", metavar="NAME", help="orin-nano, orin-nx, agx-orin or rtx-4090")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="write the tables between this page's markers"
    )


def run(args: argparse.Namespace) -> int:
    """``ppcr models size``."""
    configs = known_configs([*args.configs, *args.config])
    if not configs:
        return 1
    if args.page is not None:
        return _write_page(args.page, configs)
    return _print(configs, args.board)


def known_configs(given: list[Path]) -> dict[str, Config]:
    """The configurations by file name, without those whose architecture is not in the tables.

    Raises:
        UsageError: when a file does not exist.
        ConfigError: when one is no valid configuration.
    """
    from ppcr_lab.sizing.estimate import UnknownArchitecture, architectures
    from ppcr_ros.core.config import load_config

    configs = {}
    for path in config_files(given):
        config = load_config(path)
        try:
            architectures(config)
        except UnknownArchitecture as error:
            print(f"{path.name}: left out: {error}", file=sys.stderr)
        else:
            configs[path.name] = config
    return configs


def _print(configs: dict[str, Config], key: str | None) -> int:
    from ppcr_lab.sizing.boards import BOARDS
    from ppcr_lab.sizing.estimate import estimate

    boards = [board for board in BOARDS if key in (None, board.key)]
    if not boards:
        known = ", ".join(board.key for board in BOARDS)
        raise UsageError(f"there is no board {key!r}; expected one of {known}.")
    print("COMPUTED from architecture and data sheets, not measured (docs/sizing.md)")
    short = False
    for name, config in configs.items():
        print(name)
        for board in boards:
            found = estimate(config, board)
            memory, time = found.memory.total / 1e9, found.latency
            print(
                f"  {board.name:15}  {memory:5.1f} of {found.available / 1e9:4.1f} GB  "
                + (
                    f"{time.overlapped:5.1f} to {time.total:.1f} s a command, "
                    f"{1 / time.token:.0f} tokens/s"
                    if found.fits
                    else "DOES NOT FIT"
                )
            )
            short = short or not found.fits
    return 1 if short and key is not None else 0


def _write_page(path: Path, configs: dict[str, Config]) -> int:
    from ppcr_lab.sizing.markdown import all_tables, page_with

    try:
        page = path.read_text(encoding="utf-8")
        path.write_text(page_with(page, all_tables(configs)), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write the tables into {path}: {error}") from error
    print(f"wrote {path}")
    return 0

"""``ppcr``: the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from ppcr_lab.commands import bench, evaluate, export, train
from ppcr_ros import __version__
from ppcr_ros.commands import doctor, models, record, replay, segment
from ppcr_ros.core.errors import PPCRError

ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130
BROKEN_PIPE_EXIT_CODE = 141


class Command(Protocol):
    """What a module of ``ppcr_ros.commands`` offers."""

    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


COMMANDS: dict[str, Command] = {
    "segment": segment,
    "eval": evaluate,
    "bench": bench,
    "export": export,
    "train": train,
    "record": record,
    "replay": replay,
    "models": models,
    "doctor": doctor,
}


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``ppcr`` with all its subcommands."""
    parser = argparse.ArgumentParser(
        prog="ppcr",
        description="Find the object that a person names, in three stages of reasoning.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ppcr_ros {__version__}")
    subparsers = parser.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=command.HELP,
            description=command.DESCRIPTION,
            allow_abbrev=False,
            # The trainer that is chosen has a --help of its own.
            add_help=name != "train",
        )
        command.add_arguments(subparser)
        subparser.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: the arguments without the program's name; by default those of the process.

    Returns:
        The exit code: what the subcommand says, 2 for an error, 130 after Ctrl-C, 141 where the
        reader of a pipe has gone.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser()
    args, rest = parser.parse_known_args(arguments)
    if rest and args.subcommand != "train":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    args.command_line = ["ppcr", *arguments]
    try:
        return COMMANDS[args.subcommand].run(args)
    except PPCRError as error:
        if args.debug:
            raise
        print(f"ppcr: {' '.join(str(error).split())}", file=sys.stderr)
        return ERROR_EXIT_CODE
    except ModuleNotFoundError as error:
        if args.debug:
            raise
        missing = f"{error.name} is not installed" if error.name else str(error)
        print(f"ppcr: {missing}; ppcr doctor says what to do", file=sys.stderr)
        return ERROR_EXIT_CODE
    except KeyboardInterrupt:
        print("ppcr: interrupted", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    except BrokenPipeError:
        # The reader, such as head, has seen enough; nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())

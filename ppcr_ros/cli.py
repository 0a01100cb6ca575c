"""``ppcr``: the command line."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Protocol

from ppcr_ros import __version__
from ppcr_ros.commands import doctor, models, record, replay, segment, web
from ppcr_ros.commands.plugins import load_plugins
from ppcr_ros.commands.terminal import printable_output
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.outside_text import printable

ERROR_EXIT_CODE = 2
INTERRUPTED_EXIT_CODE = 130
BROKEN_PIPE_EXIT_CODE = 141


class Subcommand(Protocol):
    """Protocol of a module of ``ppcr_ros.commands``."""

    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


LAB_COMMANDS = ("eval", "bench", "export", "train")
"""What the laboratory brings, where it is installed."""


@cache
def available_commands() -> dict[str, Subcommand]:
    """All subcommands by name: the robot's own, and those of the laboratory."""
    brought: dict[str, Subcommand] = load_plugins("ppcr_ros.commands")
    return {
        "segment": segment,
        "web": web,
        **{name: brought[name] for name in LAB_COMMANDS if name in brought},
        **{name: command for name, command in brought.items() if name not in LAB_COMMANDS},
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
    for name, command in available_commands().items():
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
    wanted = next(iter(arguments), "")
    if wanted in LAB_COMMANDS and wanted not in available_commands():
        print(
            f"ppcr: {wanted} belongs to the laboratory, ppcr_lab, which is not installed; it "
            "stands beside ppcr_ros in the sources: pip install '.[lab]' there",
            file=sys.stderr,
        )
        return ERROR_EXIT_CODE
    parser = build_parser()
    args, rest = parser.parse_known_args(arguments)
    if rest and args.subcommand != "train":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    args.command_line = ["ppcr", *arguments]
    _set_up_logging(debug=args.debug)
    try:
        with printable_output():
            exit_code = available_commands()[args.subcommand].run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return exit_code
    except PPCRError as error:
        if args.debug:
            raise
        print(printable(f"ppcr: {' '.join(str(error).split())}"), file=sys.stderr)
        return ERROR_EXIT_CODE
    except ModuleNotFoundError as error:
        if args.debug:
            raise
        missing = f"{error.name} is not installed" if error.name else str(error)
        print(printable(f"ppcr: {missing}; ppcr doctor says what to do"), file=sys.stderr)
        return ERROR_EXIT_CODE
    except KeyboardInterrupt:
        print("ppcr: interrupted", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    except BrokenPipeError:
        _write_no_more()  # the reader, such as head, has seen enough
        return BROKEN_PIPE_EXIT_CODE
    except OSError as error:
        if args.debug:
            raise
        if error.filename is None:
            _write_no_more()
        named = "what is printed" if error.filename is None else str(error.filename)
        reason = f"{error.strerror or error}"
        if error.errno == errno.ENAMETOOLONG:
            reason = "is too long a name for a file"
        named = f"{named[:60]}..." if len(named) > 60 else named
        print(printable(f"ppcr: {named}: {reason}"), file=sys.stderr)
        return ERROR_EXIT_CODE


def _write_no_more() -> None:
    """Let nothing be flushed to standard output at exit: it would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _set_up_logging(*, debug: bool) -> None:
    """Show what the package and its libraries log, tracebacks among it, with ``--debug`` only."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler() if debug else logging.NullHandler())


if __name__ == "__main__":
    sys.exit(main())

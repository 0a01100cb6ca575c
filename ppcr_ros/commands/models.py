"""``ppcr models``: the model sets of configuration files: fetch, check, record, list, size up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import UsageError
from ppcr_ros.commands.plugins import load_plugins
from ppcr_ros.core.errors import ConfigError, PPCRError
from ppcr_ros.core.outside_text import printable
from ppcr_ros.core.shipped_configs import config_folders, find_config
from ppcr_ros.core.units import size_text
from ppcr_ros.weights.files import licence_of

if TYPE_CHECKING:
    from ppcr_ros.weights.location import ModelWeights

ACTIONS_GROUP = "ppcr_ros.models_actions"
HELP = "fetch, verify, list and size up the models of configuration files"
DESCRIPTION = (
    "The models of configuration files. pull fetches what a configuration names, with a network, "
    "once; verify re-hashes it; lock records models of your own; list shows what is there; size "
    "computes memory and latency for a board. Without a word of these: list."
)
LIST_DESCRIPTION = (
    "For each configuration file: which models it names, at which revision, under which licence, "
    "where their files are, and whether they are there and were verified. Exit code: 0, or 1 where "
    "a file is no valid configuration."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ppcr_ros.commands import models_files

    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = add_action(actions, "list", "what is on this machine", LIST_DESCRIPTION)
    add_files(listing)
    add_into(listing, "look in this hub cache")
    models_files.add_actions(actions)
    for plugin in load_plugins(ACTIONS_GROUP).values():
        plugin.add_actions(actions)
    parser.set_defaults(configs=[], config=[], into=None)


def add_action(actions: object, name: str, text: str, description: str) -> argparse.ArgumentParser:
    """A parser for one action of ``ppcr models``."""
    parser: argparse.ArgumentParser = actions.add_parser(  # type: ignore[attr-defined]
        name, help=text, description=description, allow_abbrev=False
    )
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    return parser


def add_files(parser: argparse.ArgumentParser, *, default: str = "those of the package") -> None:
    """The configuration files, by position or by ``--config``."""
    parser.add_argument(
        "configs",
        nargs="*",
        type=Path,
        metavar="FILE",
        help=f"configuration files or folders of them; default: {default}",
    )
    parser.add_argument(
        "--config",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="the same, as for the other commands; may be repeated",
    )


def add_into(parser: argparse.ArgumentParser, text: str) -> None:
    """``--into``, the hub cache."""
    parser.add_argument(
        "--into",
        type=Path,
        metavar="FOLDER",
        help=f"{text}; default: the one of HF_HUB_CACHE or HF_HOME",
    )


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.commands import models_files

    actions = {
        "pull": models_files.pull,
        "verify": models_files.verify,
        "lock": models_files.lock,
        **{name: plugin.run for name, plugin in load_plugins(ACTIONS_GROUP).items()},
    }
    return int(actions.get(args.action, list_models)(args))


def list_models(args: argparse.Namespace) -> int:
    """``ppcr models list``."""
    from ppcr_ros.core.config import load_config
    from ppcr_ros.weights.location import locate

    exit_code = 0
    for path in config_files([*args.configs, *args.config]):
        print(path)
        try:
            config = load_config(path)
        except ConfigError as error:
            print(f"  INVALID    {error}")
            exit_code = 1
            continue
        for model in locate(config, args.into):
            print(_line(model))
    return exit_code


def config_files(given: list[Path]) -> list[Path]:
    """The files that were given, folders opened; without any, the package's own.

    Raises:
        UsageError: when one does not exist, or there is none at all.
    """
    files: list[Path] = []
    for path in given or config_folders():
        try:
            path = find_config(path)
        except ConfigError as error:
            raise UsageError(str(error)) from error
        files += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise UsageError("no configuration file found; name one, such as config/ppcr.yaml.")
    return files


SERVED_ELSEWHERE = "served by mllm.endpoint; its weights are not this package's to keep"


def title(model: ModelWeights) -> str:
    """The model's role, family, name and revision, for a line of its own."""
    pinned = f" @ {model.revision[:12]}" if model.revision else ""
    return printable(f"{model.role:9}  {model.family:16}  {model.model}{pinned}")


def _line(model: ModelWeights) -> str:
    licence = licence_of(model.model)
    head = f"  {title(model)}" + (f"  ({licence})" if licence else "")
    if model.elsewhere:
        return f"{head}\n             {SERVED_ELSEWHERE}"
    if model.problem:
        state = "MISSING" if model.place is None else "WRONG"
        return f"{head}\n             {state}: {printable(model.problem)}"
    size = f"{size_text(model.size_bytes)} in {printable(str(model.place))}"
    state = "present" if model.place is None else _state(model.place)
    return f"{head}\n             {state}: {size}"


def _state(place: Path) -> str:
    """``present``, or when its checksums were last found right, or that it has changed since."""
    from ppcr_ros.weights.lock import lock_path, read_lock, sizes_differ

    try:
        lock = read_lock(lock_path(place))
    except PPCRError:
        return "present, its lock file cannot be read"
    if lock is None:
        return "present"
    if sizes_differ(place, lock):
        return "CHANGED since its checksums were recorded (ppcr models verify says what)"
    return f"present, checksums recorded {lock.recorded[:10]}"

"""Arguments of the launch files: what a value means, and what becomes of another file's.

Launch arguments leak: a launch file that includes ours, and was given ``mode:=slam`` for purposes
of its own, hands it on. So each argument has a second name, with ``ppcr_`` before it, which is ours
alone and wins. Under the plain name a value that cannot be meant for us is passed over with a
warning, unless ours is the very file that was launched: then it is a mistake.
"""

from __future__ import annotations

import difflib
import itertools
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ppcr_ros.core.config import SECTIONS, load_config
from ppcr_ros.core.device_names import check_device
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.parameter_files import read_parameter_file, values_for
from ppcr_ros.core.shipped_configs import find_config

PREFIX = "ppcr_"
"""Makes of an argument's name one that no other launch file has."""
OF_LAUNCH = frozenset({"emulate_tty", "sigkill_timeout", "sigterm_timeout"})
"""Arguments that launch itself reads, whatever file it starts."""
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class LaunchError(ConfigError):
    """A value that is no other launch file's: to go on without it would do harm."""


@dataclass(frozen=True)
class LaunchArgument:
    """One argument of a launch file.

    Attributes:
        name: without `PREFIX`.
        default: what it is where nobody gives it.
        description: for ``ros2 launch --show-args``.
        read: gives the value as it is used; raises `ConfigError` for what is none.
    """

    name: str
    default: str
    description: str
    read: Callable[[str], str] = str

    @property
    def own_name(self) -> str:
        return PREFIX + self.name


def flag(text: str) -> str:
    """``true`` or ``false``, for any way to write it in launch files, YAML and shells; or empty.

    Raises:
        ConfigError: for anything else.
    """
    word = text.strip().lower()
    if word and word not in (*_TRUE, *_FALSE):
        raise ConfigError(f"{text!r} is neither true nor false")
    return "true" if word in _TRUE else word and "false"


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader of one of ``choices``, however written; or empty."""

    def read(text: str) -> str:
        if text and text.lower() not in choices:
            raise ConfigError(f"{text!r} is none of {', '.join(choices)}")
        return text.lower()

    return read


def number(text: str) -> str:
    """A number.

    Raises:
        ConfigError: for anything else.
    """
    try:
        float(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no number; expected one such as 10.0") from None
    return text


def whole_number(text: str) -> str:
    """A whole number.

    Raises:
        ConfigError: for anything else.
    """
    if not text.isdecimal():
        raise ConfigError(f"{text!r} is no whole number; expected one such as 3")
    return text


def device(text: str) -> str:
    """Where the models run; or empty.

    Raises:
        ConfigError: for what is no device.
    """
    return check_device(text) if text else ""


def parameter_file(text: str) -> str:
    """The full path of a parameter file for our node, given by path or by name.

    Raises:
        LaunchError: where there is none of that name, for without it the node would run other
            models than were asked for; or for one with a bad option of ours, for the node would end
            with it, and be started again, for ever.
        ConfigError: where it says nothing to our node.
    """
    try:
        path = find_config(text)
        values = values_for(path, read_parameter_file(path))
        ours = any(name.partition(".")[0] in SECTIONS for name in values)
        if ours:
            load_config(path)
    except ConfigError as error:
        raise LaunchError(str(error)) from error
    if not ours:
        raise ConfigError(f"{path} sets no option of the node ppcr")
    return str(path)


def is_launched_itself(*files: str) -> bool:
    """Whether one of the launch ``files`` was named on this process's command line."""
    return any(Path(word).name in files for word in sys.argv)


def check_names(file: str, known: Iterable[str], warn: Callable[[str], object]) -> None:
    """Look for names on the command line that the launched ``file`` has no argument of.

    `ros2 launch` takes any name, and says nothing of one that nobody reads.

    Args:
        file: the name of the launch file; nothing is looked at where another one was launched.
        known: its arguments.
        warn: told of a name that is like none of them: a file of somebody else may read it.

    Raises:
        ConfigError: for a name that is nearly one of them.
    """
    names = sorted({*known, *OF_LAUNCH})
    after = itertools.dropwhile(lambda word: Path(word).name != file, sys.argv)
    for word in itertools.islice(after, 1, None):
        name, given, _ = word.partition(":=")
        if not given or name in names:
            continue
        near = difflib.get_close_matches(name, names, 1, 0.75)
        meant = f" (is {near[0]} meant?)" if near else ", and nothing comes of it"
        reason = f"{word}: {file} has no argument {name}{meant}; --show-args lists them."
        if near:
            raise ConfigError(reason)
        warn(reason)


def read_argument(
    argument: LaunchArgument,
    given: Mapping[str, str],
    *,
    strict: bool,
    warn: Callable[[str], object],
) -> str:
    """The value of ``argument``, as it is used.

    Args:
        argument: the argument.
        given: launch's configurations, both names of the argument among them.
        strict: whether a value that is none is a mistake under the plain name, too.
        warn: told of a value that is passed over.

    Raises:
        ConfigError: for what is no value, where it cannot be another launch file's.
    """
    own = given.get(argument.own_name, "")
    name = argument.own_name if own else argument.name
    text = own or given.get(argument.name, argument.default)
    try:
        return argument.read(text)
    except ConfigError as error:
        reason = f"{name}:={text}: {str(error).rstrip('.')}."
        if isinstance(error, LaunchError) and not own:
            reason += f" Where it is meant for another launch file, give {argument.own_name} too."
        if own or strict or isinstance(error, LaunchError):
            raise ConfigError(reason) from error
        default = argument.read(argument.default) if argument.default else ""
        warn(
            f"{name}:={text} is taken for another launch file's: {error}. "
            f"Used is {default or 'what the parameter file says'}; {argument.own_name} sets it for "
            "the node ppcr alone."
        )
        return default

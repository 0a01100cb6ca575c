"""Configuration fields that know their own bounds and meaning.

`option` declares a field once; from it come the check of a YAML file, the command line's message
and the ROS parameter with its descriptor.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar

from ppcr_ros.core.errors import ConfigError

T = TypeVar("T")
Scalar = bool | int | float | str
_LARGEST = 1 << 1023
"""From here on no float holds a whole number."""


@dataclass(frozen=True)
class OptionSpec:
    """Description of one option: meaning, bounds, and when it can be changed.

    ``read_only`` ones are fixed while models are loaded, and ``at_start`` ones as long as the node
    lives; the others may change at any time.
    ``check`` raises `ConfigError` for a value that is unacceptable for another reason.
    """

    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = True
    check: Callable[[Any], object] | None = None
    at_start: bool = False


def option(
    default: Any,
    description: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    read_only: bool = True,
    check: Callable[[Any], object] | None = None,
    at_start: bool = False,
) -> Any:
    """A dataclass field with its `OptionSpec`."""
    spec = OptionSpec(description, minimum, maximum, choices, read_only, check, at_start)
    return field(default=default, metadata={"option": spec})


def spec_of(item: Field[Any]) -> OptionSpec:
    """The `OptionSpec` of a field that `option` made."""
    spec = item.metadata["option"]
    assert isinstance(spec, OptionSpec)
    return spec


def checked(name: str, item: Field[Any], value: object) -> Scalar:
    """``value`` as the type of ``item``'s default, or `ConfigError` with what was expected."""
    default, spec = item.default, spec_of(item)
    assert default is not MISSING
    kind = type(default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < _LARGEST else float("nan")
    if type(value) is not kind:
        raise ConfigError(
            f"{name} is {_shown(value)} ({type(value).__name__}); expected {kind.__name__}, "
            f"for example {default!r}: {spec.description}"
        )
    assert isinstance(value, (bool, int, float, str))
    if spec.choices and value not in spec.choices:
        raise ConfigError(f"{name} is {_shown(value)}; expected one of {', '.join(spec.choices)}.")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low = spec.minimum if spec.minimum is not None else float("-inf")
        high = spec.maximum if spec.maximum is not None else float("inf")
        if not low <= value <= high:  # NaN fails this too
            raise ConfigError(f"{name} is {_shown(value)}; expected {low:g} to {high:g}.")
    if spec.check is not None:
        try:
            spec.check(value)
        except ConfigError as error:
            if name in str(error):
                raise
            raise ConfigError(f"{name}: {error}") from error
    return value


def _shown(value: object) -> str:
    """``value`` for a message, cut where it is long."""
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "a number of hundreds of digits"
    return f"{value!r:.200}"


def build(cls: type[T], prefix: str, values: dict[str, object]) -> T:
    """An instance of the option dataclass ``cls`` from flat ``values`` whose keys lack ``prefix``.

    Raises:
        ConfigError: for an unknown key or an unacceptable value, named with its prefix.
    """
    known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        meant = f" (is {prefix}{near[0]} meant?)" if near else ""
        raise ConfigError(
            f"unknown option {prefix}{unknown[0]}{meant}; {prefix or 'the'} options are: "
            f"{', '.join(prefix + name for name in known)}."
        )
    return cls(**{key: checked(prefix + key, known[key], value) for key, value in values.items()})

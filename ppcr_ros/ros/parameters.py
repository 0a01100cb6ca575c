"""ROS parameters from the options of `ppcr_ros.core.config`: each declared once, none ignored."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import Field, fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from ppcr_ros.core.config import SECTIONS, Config, config_from_flat, flatten
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.misplaced_options import not_options, without_effect
from ppcr_ros.core.options import OptionSpec, Scalar, spec_of

_PARAMETER_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}
FLOAT_NAMES = frozenset(
    name for name, value in flatten(Config()).items() if isinstance(value, float)
)
"""The options that are doubles."""


def declare_parameters(node: Node) -> Config:
    """Declare every option as a parameter of ``node`` and return what launch gave them.

    Raises:
        ConfigError: for a value of the wrong type or out of bounds, or for a misspelt option,
            which ROS by itself would ignore.
    """
    values: dict[str, object] = {}
    widen_overrides(node, FLOAT_NAMES)
    for section, cls in SECTIONS.items():
        for item in fields(cls):
            name, default = f"{section}.{item.name}", default_of(item)
            try:
                declared = node.declare_parameter(
                    name, default, descriptor(name, spec_of(item), default)
                )
            except InvalidParameterTypeException as error:
                raise ConfigError(
                    f"the parameter {name} has the wrong type; expected "
                    f"{type(default).__name__}, for example {default!r}: {error}"
                ) from error
            except InvalidParameterValueException as error:
                raise ConfigError(f"the parameter {name} is refused: {error}") from error
            values[name] = declared.value
    for name, parameter in _overrides(node).items():
        if name.split(".")[0] in SECTIONS:
            values.setdefault(name, parameter.value)
    config = config_from_flat(values)
    warn_of_unknown(node, list(values), SECTIONS)
    return config


def widen_overrides(node: Node, float_names: Iterable[str]) -> None:
    """Take a whole number that launch gave where a double is declared, as every YAML file may."""
    overrides = _overrides(node)
    for name in float_names:
        if name in overrides:
            (overrides[name],) = widened([overrides[name]], {name})


def widened(parameters: Sequence[Parameter], float_names: Container[str]) -> list[Parameter]:
    """``parameters``, those of ``float_names`` as doubles where they are integers."""
    return [
        Parameter(item.name, Parameter.Type.DOUBLE, float(item.value))
        if item.name in float_names and item.type_ == Parameter.Type.INTEGER
        else item
        for item in parameters
    ]


def warn_of_unknown(node: Node, known: Sequence[str], sections: Iterable[str] = ()) -> None:
    """Warn, once, of parameters that launch gave and no declaration took, with the likely names."""
    unknown = not_options(set(_overrides(node)) - set(known), sections)
    if unknown:
        node.get_logger().warning(without_effect(unknown, known))


def _overrides(node: Node) -> dict[str, Parameter]:
    """What launch gave, by name: rclpy has no public list of it."""
    return getattr(node, "_parameter_overrides", {})


def fixed_change(old: Config, new: Config, *, loaded: bool) -> str:
    """Why ``old`` cannot become ``new`` now; empty where it can.

    Args:
        old: the configuration in use.
        new: the one that is asked for.
        loaded: whether models are loaded, or just being so.
    """
    before, after = flatten(old), flatten(new)
    for name in (name for name in before if before[name] != after[name]):
        spec = spec_of_name(name)
        if spec.at_start:
            return f"{name} is fixed as long as the node lives; set it where the node is started."
        if loaded and spec.read_only:
            return (
                f"{name} is fixed while the models are loaded. Deactivate and clean up the node "
                "(ros2 lifecycle set /ppcr cleanup), set it, then configure and activate it."
            )
    return ""


def spec_of_name(name: str) -> OptionSpec:
    """What is known of the option ``name``, such as ``mllm.family``."""
    section, _, key = name.partition(".")
    return spec_of(next(item for item in fields(SECTIONS[section]) if item.name == key))


def default_of(item: Field[Any]) -> Scalar:
    """The default of an option's field."""
    default = item.default
    if not isinstance(default, (bool, int, float, str)):
        raise TypeError(f"the option {item.name} has the default {default!r}; expected a scalar.")
    return default


def descriptor(name: str, spec: OptionSpec, default: Scalar) -> ParameterDescriptor:
    """The descriptor of one option: type, bounds, meaning, and when it is fixed."""
    described = ParameterDescriptor(
        name=name,
        type=_PARAMETER_TYPES[type(default)].value,
        description=spec.description,
    )
    # Not read_only, which would refuse even the same value, and that of a file of ros2 param dump.
    constraints = [f"one of: {', '.join(spec.choices)}"] if spec.choices else []
    if spec.at_start:
        constraints.append("fixed as long as the node lives")
    elif spec.read_only:
        constraints.append("fixed while the models are loaded")
    described.additional_constraints = "; ".join(constraints)
    if spec.minimum is not None and spec.maximum is not None:
        if isinstance(default, float):
            described.floating_point_range = [
                FloatingPointRange(from_value=float(spec.minimum), to_value=float(spec.maximum))
            ]
        else:
            described.integer_range = [
                IntegerRange(from_value=int(spec.minimum), to_value=int(spec.maximum), step=1)
            ]
    return described


def updated(config: Config, parameters: Sequence[Parameter]) -> Config:
    """``config`` with those of ``parameters`` that are options of it.

    Raises:
        ConfigError: for an unacceptable value.
    """
    values: dict[str, object] = dict(flatten(config))
    changes = {item.name: item.value for item in parameters if item.name in values}
    return config_from_flat(values | changes)

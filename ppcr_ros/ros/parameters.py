"""ROS parameters from the options of `ppcr_ros.core.config`: each declared once, none ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from ppcr_ros.core.config import SECTIONS, Config, config_from_flat, flatten
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.options import OptionSpec, Scalar, spec_of

_PARAMETER_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}


def declare_parameters(node: Node) -> Config:
    """Declare every option as a parameter of ``node`` and return what launch gave them.

    Raises:
        ConfigError: for a value of the wrong type or out of bounds, or for a misspelt option,
            which ROS by itself would ignore.
    """
    values: dict[str, object] = {}
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
    # rclpy has no public list of the overrides that no declaration took.
    overrides: dict[str, Any] = getattr(node, "_parameter_overrides", {})
    for name in overrides:
        if name.split(".")[0] in SECTIONS:
            values.setdefault(name, overrides[name].value)
    return config_from_flat(values)


def default_of(item: Field[Any]) -> Scalar:
    """The default of an option's field."""
    default = item.default
    if not isinstance(default, (bool, int, float, str)):
        raise TypeError(f"the option {item.name} has the default {default!r}; expected a scalar.")
    return default


def descriptor(name: str, spec: OptionSpec, default: Scalar) -> ParameterDescriptor:
    """The descriptor of one option: type, bounds, meaning, and whether it is fixed at start."""
    described = ParameterDescriptor(
        name=name,
        type=_PARAMETER_TYPES[type(default)].value,
        description=spec.description,
        read_only=spec.read_only,
    )
    if spec.choices:
        described.additional_constraints = f"one of: {', '.join(spec.choices)}"
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

"""Declarations of options and the values they take."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import pytest

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.options import OptionSpec, build, checked, option, spec_of


@dataclass(frozen=True)
class _Lamp:
    name: str = option("lamp", "what it is called", choices=("lamp", "torch"))
    watts: float = option(5.0, "its power", minimum=0.5, maximum=100.0, read_only=False)
    bulbs: int = option(1, "how many", minimum=1, maximum=4)
    on: bool = option(True, "whether it shines")


FIELDS = {item.name: item for item in fields(_Lamp)}


def test_a_field_knows_its_spec() -> None:
    assert spec_of(FIELDS["watts"]) == OptionSpec("its power", 0.5, 100.0, (), read_only=False)
    assert spec_of(FIELDS["name"]).read_only


def test_build_takes_values_and_keeps_defaults() -> None:
    assert build(_Lamp, "lamp.", {"watts": 7, "on": False}) == _Lamp("lamp", 7.0, 1, False)
    assert build(_Lamp, "lamp.", {}) == _Lamp()


def test_a_whole_number_will_do_for_a_float() -> None:
    value = checked("watts", FIELDS["watts"], 7)
    assert value == 7.0
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("watts", "7", r"lamp.watts is '7' \(str\); expected float, for example 5.0: its power"),
        ("watts", True, r"lamp.watts is True \(bool\); expected float"),
        ("watts", 0.4, "lamp.watts is 0.4; expected 0.5 to 100"),
        ("watts", 101, "lamp.watts is 101.0; expected 0.5 to 100"),
        ("watts", math.nan, "lamp.watts is nan; expected 0.5 to 100"),
        ("watts", math.inf, "lamp.watts is inf; expected 0.5 to 100"),
        ("bulbs", 2.0, r"lamp.bulbs is 2.0 \(float\); expected int"),
        ("bulbs", True, r"lamp.bulbs is True \(bool\); expected int"),
        ("bulbs", 0, "lamp.bulbs is 0; expected 1 to 4"),
        ("on", 1, r"lamp.on is 1 \(int\); expected bool"),
        ("on", None, r"lamp.on is None \(NoneType\); expected bool"),
        ("name", "candle", "lamp.name is 'candle'; expected one of lamp, torch"),
        ("name", ["lamp"], r"lamp.name is \['lamp'\] \(list\); expected str"),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(
    name: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        build(_Lamp, "lamp.", {name: value})


def test_an_unknown_option_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown option lamp.wats .is lamp.watts meant.*.*lamp.name, lamp.watts"
    ):
        build(_Lamp, "lamp.", {"wats": 1.0})

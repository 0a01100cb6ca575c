"""The tolerant JSON reader."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppcr_ros.models.mllm.json_answers import (
    denies,
    number_spans,
    numbers_of,
    read_json,
    spoken,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('```json\n{"a": 1}\n```', [{"a": 1}]),
        ('Sure! Here it is: {"a": 1}. Anything else?', [{"a": 1}]),
        ("{'a': 'it', 'b': None, 'c': True}", [{"a": "it", "b": None, "c": True}]),
        ('{"a": "it\'s", "b": [1, 2,],}', [{"a": "it's", "b": [1, 2]}]),
        ("{a: 1, b: true, c: null}", [{"a": 1, "b": True, "c": None}]),
        ("{“a”: “b”}", [{"a": "b"}]),
        (r"{'a': 'b\/c \d \' \" \u00e9'}", [{"a": "b/c d ' \" é"}]),
        ('{"a": "a } bracket"}', [{"a": "a } bracket"}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('[{"a": 1}, {"a": 2}]', [[{"a": 1}, {"a": 2}]]),
        ('the cup [the red one] is {"a": 1}', [{"a": 1}]),
        ('<think>maybe {"a": 9}</think>{"a": 1}', [{"a": 1}]),
        ('{"a": {"b": [[1, 2], [3, 4]]}}', [{"a": {"b": [[1, 2], [3, 4]]}}]),
        ("no brackets", []),
        ("", []),
    ],
)
def test_reads(text: str, expected: list[Any]) -> None:
    assert list(read_json(text).values) == expected


@pytest.mark.parametrize(
    "text", ['{"a": 1', '{"a": [12, 3', '```json\n{"bbox_2d": [10, 20', '[{"a": "b', "{"]
)
def test_says_what_is_cut_off(text: str) -> None:
    assert read_json(text).cut_off


def test_a_whole_answer_is_not_cut_off() -> None:
    assert not read_json('{"a": [1, {"b": 2}]}').cut_off


def test_numbers_that_are_not_finite_stay_numbers() -> None:
    (value,) = read_json("{'a': [NaN, Infinity, -Infinity]}").values
    assert all(isinstance(item, float) and not math.isfinite(item) for item in value["a"])


def test_deep_nesting_is_refused_without_running_out_of_stack() -> None:
    assert read_json("[" * 5000 + "]" * 5000).values == ()


@given(st.text(alphabet=st.sampled_from(list("{}[]\"'\\,: ab1.-e\n\u201c\u2019")), max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_read(text: str) -> None:
    found = read_json(text)
    assert all(isinstance(value, (dict, list)) for value in found.values)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9999, 9999) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    ).filter(lambda value: isinstance(value, (dict, list)))
)
@settings(max_examples=150, deadline=None)
def test_strict_json_in_a_fence_is_read_as_it_is(value: Any) -> None:
    assert list(read_json(f"```json\n{json.dumps(value)}\n```").values) == [value]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 2.5], [1.0, 2.5]),
        (["1", " 2 "], [1.0, 2.0]),
        ("10, 20, 30, 40", [10.0, 20.0, 30.0, 40.0]),
        ("[10 20 30 40]", [10.0, 20.0, 30.0, 40.0]),
        ([1, None], None),
        ([True, 2], None),
        ([1, "wide"], None),
        ([float("nan"), 1], None),
        ([10**400, 1], None),
        (None, None),
        ({"x": 1}, None),
        ("", []),
    ],
)
def test_numbers(value: object, expected: list[float] | None) -> None:
    assert numbers_of(value) == expected


@pytest.mark.parametrize(
    "text",
    [
        "none", "None.", "null", "Not found", "nothing", "no", "not visible",
        "The red mug is not visible in the image.",
        "There is no red mug in this image.",
        "I cannot see a red mug.",
        "I can't find it",
        "The mug isn't present.",
        "There aren't any mugs.",
    ],
)  # fmt: skip
def test_denials(text: str) -> None:
    assert denies(text)


@pytest.mark.parametrize(
    "text", ["a red mug", "the none-stick pan", "nothing-special box left of the cup", "", "yes"]
)
def test_no_denials(text: str) -> None:
    assert not denies(text)


def test_number_spans_leave_out_the_last_digit() -> None:
    text = '{"p": [7], "bbox_2d": [105, 7, 1000, 42.5]}'
    spans = number_spans(text, [105.0, 7.0, 1000.0, 42.5])
    assert [text[a:b] for a, b in spans] == ["10", "7", "100", "4"]


def test_thoughts_are_not_spoken() -> None:
    assert spoken("<think>the cup</think>the mug") == "the mug"

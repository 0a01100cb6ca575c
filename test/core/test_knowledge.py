"""A model's knowledge of its own limits: familiar pictures, and how sure a "not there" is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.knowledge import KNOWLEDGE_FILE, Knowledge
from ppcr_ros.core.types import SemanticPrompt

ABSENT = {"bias": 0.5, "model": 0.4, "doubt": -1.0, "unfamiliar": 0.5}


def knowledge() -> Knowledge:
    return Knowledge(np.array([1.0, 2.0]), np.eye(2), 1.5, ABSENT, {"pictures": 3})


def test_a_picture_in_the_middle_is_familiar_and_one_far_off_is_not() -> None:
    assert knowledge().unfamiliarity(np.array([1.0, 2.0])) == 0.0
    assert knowledge().unfamiliarity(np.array([1.0, 3.0])) < 1.0
    assert knowledge().unfamiliarity(np.array([9.0, -9.0])) > 1.0


def test_the_chance_that_nothing_is_there_follows_what_it_is_made_of() -> None:
    known = knowledge()
    usual = known.probability_absent(0.9, False, 0.5)
    assert 0.0 < known.probability_absent(0.6, False, 0.5) < usual < 1.0
    assert known.probability_absent(0.9, True, 0.5) < usual
    assert known.probability_absent(0.9, False, 3.0) < usual
    assert known.probability_absent(0.9, False, None) == usual


def test_only_an_answer_that_nothing_is_there_has_such_a_chance() -> None:
    absent = SemanticPrompt("ball: absent", "ball", present=False, not_found_probability=0.9)
    chance = knowledge().judge(absent, 0.2)
    assert chance == knowledge().probability_absent(0.9, False, 0.2)
    assert knowledge().judge(SemanticPrompt("ball: red ball", "ball"), 0.2) is None
    unknown = SemanticPrompt("ball: absent", "ball", present=False)
    assert knowledge().judge(unknown, 0.2) is None


def test_it_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    knowledge().save(tmp_path / KNOWLEDGE_FILE)
    again = Knowledge.load(tmp_path / KNOWLEDGE_FILE)
    assert np.allclose(again.mean, knowledge().mean)
    assert np.allclose(again.axes, knowledge().axes)
    assert (again.limit, again.absent, again.fitted_on) == (1.5, ABSENT, {"pictures": 3})


@pytest.mark.parametrize("text", ["{}", "[]", "no", '{"mean": [1], "axes": [[1, 2]], "limit": 1}'])
def test_another_file_is_refused_by_name(text: str, tmp_path: Path) -> None:
    (tmp_path / KNOWLEDGE_FILE).write_text(text)
    with pytest.raises(ConfigError, match=r"knowledge\.json.*ppcr train knowledge"):
        Knowledge.load(tmp_path / KNOWLEDGE_FILE)


@pytest.mark.parametrize(
    ("limit", "axes", "absent"),
    [
        (0.0, np.eye(2), ABSENT),
        (1.0, np.eye(3), ABSENT),
        (1.0, np.eye(2) * np.nan, ABSENT),
        (1.0, np.eye(2), {"bias": 1.0}),
    ],
)
def test_what_makes_no_sense_is_refused(
    limit: float, axes: np.ndarray, absent: dict[str, float]
) -> None:
    with pytest.raises(ConfigError):
        Knowledge(np.zeros(2), axes, limit, absent)


@pytest.mark.parametrize(
    "kinds",
    [
        {"": [1.0], "mug": [0.0]},
        {"": [1.0, np.nan], "mug": [0.0, 0.0]},
        {"mug": [0.0, 0.0]},
        {"": [[1.0, 2.0]]},
    ],
)
def test_what_tells_no_kinds_apart_is_refused(kinds: dict[str, list[float]]) -> None:
    with pytest.raises(ConfigError, match=r"expected 2 finite numbers.*ppcr train knowledge"):
        Knowledge(np.zeros(2), np.eye(2), 1.0, ABSENT, kinds=as_weights(kinds))


def as_weights(kinds: dict[str, list[float]]) -> dict[str, np.ndarray]:
    return {kind: np.array(weights) for kind, weights in kinds.items()}


def telling() -> Knowledge:
    """Its tokens have two features, the first for mugs and the second for balls."""
    kinds = {"": [0.0, 0.0, 2.0], "mug": [8.0, 0.0, 0.0], "ball": [0.0, 8.0, 0.0]}
    return Knowledge(np.zeros(4), np.ones((1, 4)), 1.0, ABSENT, kinds=as_weights(kinds))


def test_the_tokens_in_a_box_tell_of_what_kind_it_is() -> None:
    tokens = np.zeros((16, 2), np.float32)
    tokens[5], tokens[6] = (1.0, 0.0), (0.0, 1.0)
    of_mug, of_ball = np.array([0.25, 0.25, 0.5, 0.5]), np.array([0.5, 0.25, 0.75, 0.5])
    known = telling()
    for box, kind, other in ((of_mug, "mug", "ball"), (of_ball, "ball", "mug")):
        right = known.kind_probability(tokens, box, kind)
        wrong = known.kind_probability(tokens, box, other)
        assert right is not None
        assert wrong is not None
        assert right > 0.95
        assert wrong < 0.05
    both = known.kind_probability(tokens, np.array([0.25, 0.25, 0.75, 0.5]), "mug")
    assert both == pytest.approx(0.5, abs=0.01)
    half = known.kind_probability(tokens, np.array([0.25, 0.25, 0.625, 0.5]), "mug")
    assert half == pytest.approx(2.0 / 3.0, abs=0.02), "a part of a token counts as a part"
    wide = known.kind_probability(tokens, np.array([0.25, 0.25, 0.5, 1.0]), "mug")
    assert wide is not None
    assert wide > 0.8, "what shows no thing does not count"


@pytest.mark.parametrize("kind", ["", "teapot"])
def test_of_a_kind_that_is_not_known_nothing_is_told(kind: str) -> None:
    box = np.array([0.0, 0.0, 1.0, 1.0])
    assert telling().kind_probability(np.zeros((16, 2)), box, kind) is None
    assert telling().kind_probability(np.zeros((15, 2)), box, "mug") is None, "no square"
    assert knowledge().kind_probability(np.zeros((16, 1)), box, "mug") is None


def test_kinds_are_read_back_as_they_were_saved(tmp_path: Path) -> None:
    telling().save(tmp_path / KNOWLEDGE_FILE)
    again = Knowledge.load(tmp_path / KNOWLEDGE_FILE)
    assert {kind: row.tolist() for kind, row in again.kinds.items()} == {
        kind: row.tolist() for kind, row in telling().kinds.items()
    }


def test_a_file_of_before_kinds_is_read_and_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / KNOWLEDGE_FILE
    telling().save(path)
    Knowledge.load(path)
    assert not caplog.messages
    document = json.loads(path.read_text())
    path.write_text(
        json.dumps({**{k: v for k, v in document.items() if k != "kinds"}, "things": []})
    )
    assert Knowledge.load(path).kinds == {}
    assert "no closer look is taken" in caplog.text

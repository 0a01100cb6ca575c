"""Commands: true of their scene, unambiguous, and phrased as their split says."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.types import Array
from ppcr_ros.sim.commands import KINDS, Phrase, ReferringCommand, sample_commands
from ppcr_ros.sim.scene import COLOURS, SHAPES, SIZES, ObjectSpec, Scene, sample_scene, scene_rng
from ppcr_ros.sim.vocabulary import UNKNOWN_NOUNS, WRAPS, wrap

WIDTH_PX, HEIGHT_PX = 160, 120


def painted(scene: Scene) -> Array:
    """An instance image that needs no renderer: a square of 12 pixels at each object's place."""
    instance = np.full((HEIGHT_PX, WIDTH_PX), -1, np.int8)
    centres = np.array([item.position_m for item in scene.objects])
    for index, (x, y) in enumerate(scene.camera.project_px(centres, WIDTH_PX, HEIGHT_PX)):
        column, row = int(x), int(y)
        instance[row - 6 : row + 6, column - 6 : column + 6] = index
    return instance


def commands_of(count: int, phrasing: str = "train") -> list[tuple[Scene, Array, ReferringCommand]]:
    found = []
    for index in range(count):
        rng = scene_rng("val", index)
        scene = sample_scene(rng)
        instance = painted(scene)
        found += [
            (scene, instance, command)
            for command in sample_commands(scene, instance, rng, 8, phrasing)
        ]
    return found


def matching(phrase: str, scene: Scene) -> list[int]:
    words = set(phrase.split())
    wanted = Phrase(
        size=next((w for w in SIZES if w in words), None),
        colour=next((w for w in COLOURS if w in words), None),
        shape=next((w for w in SHAPES if w in words), None),
    )
    return [index for index, item in enumerate(scene.objects) if wanted.matches(item)]


def test_the_same_seed_says_the_same() -> None:
    assert [c for _, _, c in commands_of(3)] == [c for _, _, c in commands_of(3)]


def test_every_kind_is_drawn() -> None:
    kinds = {command.kind for _, _, command in commands_of(40)}
    assert kinds == set(KINDS)


def test_an_attribute_command_fits_its_target_alone() -> None:
    cases = [case for case in commands_of(40) if case[2].kind == "attribute"]
    assert len(cases) > 20
    for scene, _, command in cases:
        assert matching(command.phrase, scene) == [command.target]


def test_an_absent_command_fits_nothing() -> None:
    cases = [case for case in commands_of(40) if case[2].kind == "absent"]
    assert len(cases) > 20
    for scene, _, command in cases:
        assert command.target is None
        assert command.phrase == "unknown object" or matching(command.phrase, scene) == []


def test_left_and_right_are_the_images() -> None:
    checked = 0
    for scene, instance, command in commands_of(80):
        relation, _, anchor_words = command.relation.partition(" of ")
        if command.kind != "relation" or relation not in ("left", "right"):
            continue
        (anchor,) = matching(anchor_words, scene)
        columns = [
            np.flatnonzero((instance == i).any(axis=0)).mean() for i in range(len(scene.objects))
        ]
        fitting = [i for i in matching(command.phrase, scene) if i != anchor]
        beside = [i for i in fitting if (columns[i] < columns[anchor]) == (relation == "left")]
        assert beside == [command.target]
        checked += 1
    assert checked > 20


def test_in_front_means_nearer_to_the_camera() -> None:
    checked = 0
    for scene, _, command in commands_of(80):
        if not command.relation.startswith("in front of "):
            continue
        (anchor,) = matching(command.relation.removeprefix("in front of "), scene)
        assert command.target is not None
        places = np.array([item.position_m for item in scene.objects])
        depth = scene.camera.to_optical_m(places)[:, 2]
        assert depth[command.target] < depth[anchor] + 0.02
        checked += 1
    assert checked > 10


def test_ordinals_count_along_the_image() -> None:
    checked = 0
    for scene, instance, command in commands_of(80):
        if command.kind != "ordinal" or not command.relation.endswith("from left"):
            continue
        rank = ("first", "second", "third").index(command.relation.split()[0])
        group = matching(command.phrase, scene)
        columns = {i: np.flatnonzero((instance == i).any(axis=0)).mean() for i in group}
        assert sorted(group, key=lambda i: columns[i])[rank] == command.target
        checked += 1
    assert checked > 5


def test_nothing_is_said_of_a_scene_in_which_nothing_is_seen() -> None:
    rng = scene_rng("val", 0)
    scene = sample_scene(rng)
    empty = np.full((HEIGHT_PX, WIDTH_PX), -1, np.int8)
    assert sample_commands(scene, empty, rng, 4) == []


def test_the_splits_share_no_wrapping_but_the_bare_phrase() -> None:
    assert set(WRAPS["train"]) & set(WRAPS["test"]) == {"{0}"}


def test_an_unknown_phrasing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'german'; expected 'train' or 'test'"):
        wrap("the ball", np.random.default_rng(0), "german")


def test_unknown_nouns_are_no_word_of_the_world() -> None:
    assert not set(UNKNOWN_NOUNS) & {*SHAPES, *COLOURS, *SIZES}


def test_a_phrase_names_what_was_said() -> None:
    item = ObjectSpec("ball", "green", "small", (0.0, 0.0, 0.03), 0.0, (0.1, 0.6, 0.2), (0.03,) * 3)
    assert Phrase(size="small", shape="ball").matches(item)
    assert not Phrase(colour="red").matches(item)
    assert Phrase(colour="green").text == "green object"

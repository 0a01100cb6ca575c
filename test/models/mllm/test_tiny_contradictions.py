"""Contradictions within an answer of ppcr-tiny's stage 1."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.models.mllm.tiny_contradictions import contradiction
from ppcr_ros.models.mllm.tiny_understanding import ABSENT, SEVERAL, Sighting, Understanding

BALL = Sighting("small green ball", 0.35, 0.5)
CUBE = Sighting("large red cube", 0.8, 0.2)
MUG = Sighting("large red-white mug", 0.1, 0.9)
PLATE = Sighting("large blue plate", 0.5, 0.5)
BOWL = Sighting("large blue bowl", 0.5, 0.5)


def at(x: float, y: float, name: str = "small green ball") -> Sighting:
    return Sighting(name, x, y)


@pytest.mark.parametrize(
    ("relation", "anchors", "fitting", "misplaced"),
    [
        ("left of", (CUBE,), at(0.7, 0.9), at(0.9, 0.2)),
        ("right of", (CUBE,), at(0.9, 0.9), at(0.7, 0.2)),
        ("in front of", (CUBE,), at(0.1, 0.3), at(0.8, 0.1)),
        ("behind", (PLATE,), at(0.1, 0.4), at(0.5, 0.6)),
        ("between", (CUBE, MUG), at(0.5, 0.5), at(0.95, 0.1)),
        ("between", (CUBE, MUG), at(0.4, 0.6), at(0.9, 0.9)),
        ("on", (PLATE,), at(0.55, 0.45), at(0.75, 0.5)),
        ("on", (PLATE,), at(0.45, 0.4), at(0.5, 0.8)),
        ("inside", (BOWL,), at(0.5, 0.48), at(0.5, 0.6)),
    ],
)
def test_the_target_stands_to_its_anchors_as_the_answer_says(
    relation: str, anchors: tuple[Sighting, ...], fitting: Sighting, misplaced: Sighting
) -> None:
    assert contradiction(Understanding("ball", relation, anchors, sighted=(fitting,))) == ""
    why = contradiction(Understanding("ball", relation, anchors, sighted=(misplaced,)))
    assert why.startswith(f"the small green ball is not {relation} the large ")


@pytest.mark.parametrize(("x", "y", "relation"), [(0.49, 0.5, "left of"), (0.51, 0.5, "right of")])
def test_what_is_too_close_to_call_is_not_meant(x: float, y: float, relation: str) -> None:
    said = Understanding("ball", relation, (PLATE,), sighted=(at(x, y),))
    assert contradiction(said)


def test_nothing_is_between_a_thing_and_itself() -> None:
    assert contradiction(Understanding("ball", "between", (CUBE, CUBE), sighted=(BALL,)))


def test_depth_has_some_play_for_a_bottle_is_high_above_its_foot() -> None:
    higher = Understanding("ball", "in front of", (PLATE,), sighted=(at(0.1, 0.49),))
    assert contradiction(higher) == ""


@pytest.mark.parametrize(
    ("side", "places"),
    [
        ("left", [(0.1, 0.9), (0.3, 0.1), (0.6, 0.5)]),
        ("right", [(0.9, 0.9), (0.5, 0.1), (0.1, 0.5)]),
        ("front", [(0.9, 0.9), (0.5, 0.6), (0.1, 0.3)]),
        ("back", [(0.9, 0.1), (0.5, 0.4), (0.1, 0.8)]),
    ],
)
def test_what_is_counted_is_in_its_order(side: str, places: list[tuple[float, float]]) -> None:
    names = ("small green ball", "large red ball", "small red ball")
    counted = [Sighting(name, *place) for name, place in zip(names, places, strict=True)]
    relation = f"third from {side}"
    assert contradiction(Understanding("ball", relation, sighted=tuple(counted))) == ""
    mixed = (counted[1], counted[0], counted[2])
    assert contradiction(Understanding("ball", relation, sighted=mixed)) == (
        f"the small red ball is not the {relation}"
    )


@pytest.mark.parametrize(
    ("phrase", "fits"),
    [
        ("ball", True),
        ("object", True),
        ("small ball", True),
        ("small green ball", True),
        ("green object", True),
        ("ball not red", True),
        ("object not cube", True),
        ("ball not large", True),
        ("cube", False),
        ("large ball", False),
        ("red ball", False),
        ("ball not green", False),
        ("object not ball", False),
        ("ball not small", False),
    ],
)
def test_what_is_named_fits_the_phrase(phrase: str, fits: bool) -> None:
    why = contradiction(Understanding(phrase, sighted=(BALL,)))
    assert why == ("" if fits else f"the small green ball is no {phrase}")


@pytest.mark.parametrize(
    ("phrase", "fits"),
    [("red mug", True), ("red-white mug", True), ("white mug", False), ("mug not white", True)],
)
def test_of_two_colours_the_first_is_the_objects_own(phrase: str, fits: bool) -> None:
    assert (contradiction(Understanding(phrase, sighted=(MUG,))) == "") is fits


def test_what_is_counted_fits_the_phrase_too() -> None:
    said = Understanding("ball", "second from left", sighted=(MUG, BALL))
    assert contradiction(said) == "the large red-white mug is no ball"


def test_the_largest_is_large() -> None:
    assert contradiction(Understanding("ball", "largest", sighted=(BALL,))) == (
        "the small green ball is not the largest"
    )
    assert contradiction(Understanding("ball", "smallest", sighted=(BALL,))) == ""


@pytest.mark.parametrize(
    ("away", "again"), [((0.0, 0.0), True), ((0.01, -0.01), True), ((0.1, 0.0), False)]
)
def test_no_object_is_counted_twice_or_related_to_itself(
    away: tuple[float, float], again: bool
) -> None:
    moved = at(BALL.x + away[0], BALL.y + away[1])
    counted = Understanding("ball", "second from left", sighted=(BALL, moved))
    before = Understanding(
        "ball", "third from left", sighted=(BALL, moved, at(0.9, 0.5, "large green ball"))
    )
    related = Understanding("ball", "right of", (BALL,), sighted=(moved,))
    for said in (counted, before, related):
        assert (contradiction(said) == "the small green ball is named twice") is again
    inside = Understanding("ball", "inside", (BOWL,), sighted=(at(BOWL.x, BOWL.y),))
    assert contradiction(inside) == ""


@pytest.mark.parametrize("outcome", [ABSENT, SEVERAL])
def test_an_answer_without_a_target_contradicts_nothing(outcome: str) -> None:
    said = Understanding("cube", "left of", (CUBE,), sighted=(BALL, BALL), outcome=outcome)
    assert contradiction(said) == ""
    assert contradiction(Understanding("cube", "left of", (CUBE,))) == ""


def test_a_relation_whose_anchor_was_not_pointed_at_is_not_judged() -> None:
    said = Understanding("ball", "left of", absent_anchor="cube", sighted=(BALL,))
    assert contradiction(said) == ""
    assert contradiction(Understanding("ball", "nearest to", (CUBE,), sighted=(BALL,))) == ""


def test_what_people_truly_say_of_a_table_contradicts_nothing() -> None:
    pytest.importorskip("mujoco")
    from ppcr_lab.sim.commands import sample_commands
    from ppcr_lab.sim.geometry import visible_boxes_px
    from ppcr_lab.sim.phrases import full_name
    from ppcr_lab.sim.renderer import TabletopRenderer
    from ppcr_lab.sim.scene import sample_scene, scene_rng
    from ppcr_lab.training.conversations import understanding_of
    from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX, SceneRecord

    judged = wrong = 0
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX, shadows=False) as renderer:
        for index in range(40):
            rng = scene_rng("train", index)
            scene = sample_scene(rng)
            instance = renderer.render(scene, depth=False).instance
            boxes = visible_boxes_px(instance, len(scene.objects))
            commands = sample_commands(scene, instance, rng, 24)
            record = SceneRecord(
                [],
                [full_name(item) for item in scene.objects],
                [None if box is None else np.asarray(box).tolist() for box in boxes],
                commands,
            )
            for command in commands:
                said = understanding_of(command, record)
                written = Understanding.read(said.text)
                assert written.text == said.text
                judged += command.target is not None
                wrong += bool(contradiction(written))
    assert judged > 500
    assert wrong <= 2  # 44 of 131,850: bottles, whose middle is high above the table

"""Commands that ask for more than one object, or for less: true of their scene, read by rules."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from ppcr_lab.sim import request_words
from ppcr_lab.sim.commands import KINDS, MOST_LISTED
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.requests import REQUEST_KINDS, RequestSampler, sample_requests
from ppcr_lab.sim.scene import Scene, sample_scene, scene_rng
from ppcr_lab.sim.vocabulary import Templates
from ppcr_ros.core.prompts import Intent
from ppcr_ros.core.reading.reader import CommandReading, read_command
from ppcr_ros.core.types import Array

WIDTH_PX, HEIGHT_PX = 320, 240

Case = tuple[Scene, ReferringCommand]


def painted(scene: Scene) -> Array:
    """An instance image that needs no renderer: a square of 16 pixels at each object's place."""
    instance = np.full((HEIGHT_PX, WIDTH_PX), -1, np.int8)
    centres = np.array([item.position_m for item in scene.objects])
    for index, (x, y) in enumerate(scene.camera.project_px(centres, WIDTH_PX, HEIGHT_PX)):
        column, row = int(x), int(y)
        instance[row - 8 : row + 8, column - 8 : column + 8] = index
    return instance


def drawn(count: int, phrasing: str) -> list[Case]:
    found = []
    for index in range(count):
        rng = scene_rng("val", index)
        scene = sample_scene(rng)
        sampler = RequestSampler(scene, painted(scene), rng, phrasing)
        commands = [sampler.sample(kind) for kind in REQUEST_KINDS]
        found += [(scene, command) for command in commands if command is not None]
    return found


CASES = {phrasing: drawn(80, phrasing) for phrasing in ("train", "test")}


def of_kind(kind: str, phrasing: str) -> list[Case]:
    return [case for case in CASES[phrasing] if case[1].kind == kind]


def is_read(command: ReferringCommand, reading: CommandReading) -> bool:
    """Whether the rules read of ``command`` what its kind is about."""
    found = reading.intent is Intent.FIND
    return {
        "destination": found and reading.destination_relation == command.destination_relation,
        "prohibition": reading.intent is Intent.PROHIBITION,
        "correction": found and bool(reading.forbidden),
        "part": found and reading.part == command.part,
        "several": found and reading.quantity != 1,
        "pair": found and len(reading.also) == 1,
        "nothing": not found,
    }[command.kind]


@pytest.mark.parametrize("phrasing", list(CASES))
def test_each_kind_is_drawn_of_nearly_every_scene(phrasing: str) -> None:
    counts = Counter(command.kind for _, command in CASES[phrasing])
    assert set(counts) == set(REQUEST_KINDS)
    assert min(counts.values()) >= 60


def test_what_is_asked_for_and_what_is_forbidden_are_in_the_scene() -> None:
    for scene, command in (*CASES["train"], *CASES["test"]):
        count = len(scene.objects)
        named = [*command.targets, *command.forbidden, *command.fitting, *command.anchors]
        named += [i for i in (command.target, command.destination) if i is not None]
        assert all(0 <= index < count for index in named)
        if command.kind in ("destination", "correction", "part"):
            assert command.target is not None
            assert command.target not in (*command.forbidden, command.destination)
        elif command.kind in ("prohibition", "nothing"):
            assert command.target is None
            assert command.phrase == "nothing"
            assert len(command.forbidden) == (command.kind == "prohibition")


def test_several_are_all_that_fit() -> None:
    for scene, command in (*of_kind("several", "train"), *of_kind("several", "test")):
        words = command.phrase.split()
        fitting = [
            index
            for index, item in enumerate(scene.objects)
            if all(
                word in (item.size, item.colour, item.category, "object")
                or word == f"{item.colour}-{item.trim_colour}"
                for word in words
            )
        ]
        assert sorted(command.targets) == fitting
        assert 2 <= len(fitting) < MOST_LISTED
        if "both" in command.text.lower():
            assert len(fitting) == 2


def test_a_part_is_one_that_the_object_has() -> None:
    for scene, command in of_kind("part", "train"):
        assert command.target is not None
        category = scene.objects[command.target].category
        assert command.part in request_words.PART_WORDS[category]


def test_no_prohibition_is_read_as_an_order() -> None:
    """The harm of it is why: not one may slip through, whatever else is missed."""
    for phrasing in CASES:
        for _, command in of_kind("prohibition", phrasing):
            assert is_read(command, read_command(command.text)), command.text


def test_no_forbidden_thing_is_asked_for() -> None:
    for phrasing in CASES:
        for _, command in of_kind("correction", phrasing):
            reading = read_command(command.text)
            assert reading.forbidden, command.text
            assert not any(thing in reading.asked for thing in reading.forbidden)


@pytest.mark.parametrize(
    ("kind", "share"),
    [("destination", 0.95), ("correction", 0.95), ("part", 0.85), ("several", 0.9), ("pair", 0.85)],
)
def test_most_of_each_kind_is_read(kind: str, share: float) -> None:
    """A recogniser's misspellings are in them; what the rules miss is left to the model."""
    for phrasing in CASES:
        cases = of_kind(kind, phrasing)
        right = sum(is_read(command, read_command(command.text)) for _, command in cases)
        assert right >= share * len(cases)


def test_no_two_phrasings_share_a_template() -> None:
    templates: list[Templates] = [
        value for name, value in vars(request_words).items() if name.endswith("_TEMPLATES")
    ]
    assert len(templates) == 7
    shared = {"the {part} of {x}", "{x} and {y}", "both {x} and {y}", "the {number} {nps}"}
    for ways in templates:
        sets = [set(ways[phrasing]) - shared for phrasing in ("train", "val", "test")]
        assert sum(map(len, sets)) == len(set.union(*sets))


def test_plain_commands_are_among_them_and_a_seed_repeats_all() -> None:
    scene = sample_scene(scene_rng("val", 3))
    first, second = (
        sample_requests(scene, painted(scene), np.random.default_rng(0), 40) for _ in range(2)
    )
    assert first == second
    kinds = {command.kind for command in first}
    assert kinds & set(KINDS)
    assert kinds & set(REQUEST_KINDS)

"""Commands: true of their scene, with one reading, and phrased as their split says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from ppcr_lab.sim import vocabulary
from ppcr_lab.sim.commands import KINDS, sample_commands
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.phrases import Phrase, full_name
from ppcr_lab.sim.scene import CATEGORIES, COLOURS, SIZES, Scene, sample_scene, scene_rng
from ppcr_lab.sim.wording import ORDINALS
from ppcr_ros.core.types import Array

WIDTH_PX, HEIGHT_PX = 320, 240

Case = tuple[Scene, Array, ReferringCommand]


def painted(scene: Scene) -> Array:
    """An instance image that needs no renderer: a square of 16 pixels at each object's place."""
    instance = np.full((HEIGHT_PX, WIDTH_PX), -1, np.int8)
    centres = np.array([item.position_m for item in scene.objects])
    for index, (x, y) in enumerate(scene.camera.project_px(centres, WIDTH_PX, HEIGHT_PX)):
        column, row = int(x), int(y)
        instance[row - 8 : row + 8, column - 8 : column + 8] = index
    return instance


def commands_of(count: int, phrasing: str = "train") -> list[Case]:
    found = []
    for index in range(count):
        rng = scene_rng("val", index)
        scene = sample_scene(rng)
        instance = painted(scene)
        found += [
            (scene, instance, command)
            for command in sample_commands(scene, instance, rng, 16, phrasing)
        ]
    return found


CASES = commands_of(120)


def of_kind(kind: str) -> list[Case]:
    return [case for case in CASES if case[2].kind == kind]


def matching(phrase: str, scene: Scene) -> list[int]:
    """The objects that a canonical phrase fits, read back from its words."""
    said, _, other = phrase.partition(" not ")
    words = said.replace("-", " ").split()
    colours = [word for word in words if word in COLOURS]
    wanted = Phrase(
        size=next((w for w in SIZES if w in words), None),
        colour=colours[0] if colours else None,
        trim_colour=colours[1] if len(colours) > 1 else None,
        category=next((w for w in CATEGORIES if w in words), None),
    )
    unlike = {"size": SIZES, "colour": COLOURS, "category": CATEGORIES}
    return [
        index
        for index, item in enumerate(scene.objects)
        if wanted.matches(item)
        and not any(other in pool and getattr(item, name) == other for name, pool in unlike.items())
    ]


def column_of(instance: Array, index: int) -> float:
    return float(np.flatnonzero((instance == index).any(axis=0)).mean())


def visible(instance: Array, indices: list[int]) -> list[int]:
    return [i for i in indices if (instance == i).sum() >= 0.0008 * instance.size]


def test_the_same_seed_says_the_same() -> None:
    assert [c for _, _, c in commands_of(3)] == [c for _, _, c in commands_of(3)]


def test_every_kind_is_drawn_often() -> None:
    counts = Counter(command.kind for _, _, command in CASES)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) > 50


@pytest.mark.parametrize("kind", ["attribute", "negation"])
def test_a_phrase_fits_its_target_alone(kind: str) -> None:
    for scene, _, command in of_kind(kind):
        assert matching(command.phrase, scene) == [command.target]


def test_a_negation_has_something_to_tell_apart() -> None:
    for scene, instance, command in of_kind("negation"):
        kept, _, other = command.phrase.partition(" not ")
        assert other
        assert len(visible(instance, matching(kept, scene))) > 1


def test_a_comparative_compares_things_of_one_kind() -> None:
    for scene, _, command in of_kind("comparative"):
        assert command.target is not None
        group = matching(command.phrase, scene)
        assert len(group) > 1
        assert len({scene.objects[i].category for i in group}) == 1
        widths = {i: max(scene.objects[i].half_extent_m[:2]) for i in group}
        best = max if command.relation == "largest" else min
        assert best(group, key=lambda i: widths[i]) == command.target


def test_an_absent_command_fits_nothing() -> None:
    ways: Counter[str] = Counter()
    for scene, _, command in of_kind("absent"):
        assert command.target is None
        fitting = matching(command.phrase, scene)
        if command.phrase == "unknown object":
            ways["unknown"] += 1
        elif command.absent_anchor:
            ways["no anchor"] += 1
            assert matching(command.absent_anchor, scene) == []
        elif command.counted:
            ways["counted out"] += 1
            assert len(command.counted) == ORDINALS.index(command.relation.split()[0])
            assert set(command.counted) == set(fitting)
        elif command.relation and not command.relation.startswith("first"):
            ways["nothing there"] += 1
        else:
            ways["near miss"] += 1
            assert fitting == []
    assert set(ways) == {"unknown", "no anchor", "counted out", "nothing there", "near miss"}


def test_an_ambiguous_command_fits_several() -> None:
    for scene, instance, command in of_kind("ambiguous"):
        assert command.target is None
        assert command.ambiguous
        fitting = visible(instance, matching(command.phrase, scene))
        assert len(fitting) > 1
        assert set(command.fitting) <= set(fitting)
        assert len(command.fitting) == len(fitting) or command.relation or len(fitting) > 6
        columns = [column_of(instance, index) for index in command.fitting]
        assert columns == sorted(columns)


def test_left_and_right_are_the_images() -> None:
    checked = 0
    for scene, instance, command in of_kind("relation"):
        if command.relation not in ("left of", "right of"):
            continue
        (anchor,) = command.anchors
        columns = [column_of(instance, i) for i in range(len(scene.objects))]
        fitting = [i for i in visible(instance, matching(command.phrase, scene)) if i != anchor]
        is_left = command.relation == "left of"
        beside = [i for i in fitting if (columns[i] < columns[anchor]) == is_left]
        assert beside == [command.target]
        checked += 1
    assert checked > 20


def test_in_front_means_nearer_to_the_camera() -> None:
    checked = 0
    for scene, _, command in of_kind("relation"):
        if command.relation not in ("in front of", "behind"):
            continue
        assert command.target is not None
        places = np.array([(*item.position_m[:2], 0.0) for item in scene.objects])
        depth = scene.camera.to_optical_m(places)[:, 2]
        away = np.linalg.norm(places[:, :2] - np.array(scene.camera.position_m[:2]), axis=1)
        for measure in (depth, away):
            nearer = bool(measure[command.target] < measure[command.anchors[0]])
            assert nearer == (command.relation == "in front of")
        checked += 1
    assert checked > 20


def test_nearest_is_by_distance_on_the_table() -> None:
    checked = 0
    for scene, instance, command in of_kind("relation"):
        if command.relation != "nearest to":
            continue
        (anchor,) = command.anchors
        places = np.array([item.position_m[:2] for item in scene.objects])
        away = np.linalg.norm(places - places[anchor], axis=1)
        fitting = [i for i in visible(instance, matching(command.phrase, scene)) if i != anchor]
        edge = away - [max(item.half_extent_m[:2]) for item in scene.objects]
        for distance in (away, edge):
            assert min(fitting, key=distance.__getitem__) == command.target
        checked += 1
    assert checked > 10


def test_a_size_is_said_of_a_kind_alone() -> None:
    """A small plate is larger than a large ball."""
    for scene, _, command in CASES:
        for phrase in (command.phrase, command.absent_anchor):
            words = phrase.partition(" not ")[0].split()
            assert not set(words) & set(SIZES) or set(words) & set(CATEGORIES), phrase
        assert not command.relation.endswith("est") or set(command.phrase.split()) & set(CATEGORIES)
        del scene


def test_no_phrase_with_two_colours_fits_another_object_with_them_swapped() -> None:
    checked = 0
    for scene, _, command in CASES:
        words = command.phrase.partition(" not ")[0].split()
        pair = next((word for word in words if "-" in word), None)
        if pair is None:
            continue
        swapped = "-".join(reversed(pair.split("-")))
        assert not any(swapped in full_name(item).split() for item in scene.objects)
        checked += 1
    assert checked > 20


def test_a_colour_that_is_denied_is_on_no_part_of_the_kind() -> None:
    checked = 0
    for scene, _, command in CASES:
        said, _, other = command.phrase.partition(" not ")
        if other not in COLOURS:
            continue
        group = matching(said, scene)
        assert not any(scene.objects[index].trim_colour == other for index in group)
        checked += 1
    assert checked > 20


def test_between_means_on_the_way_from_one_to_the_other() -> None:
    checked = 0
    for scene, _, command in of_kind("relation"):
        if command.relation != "between":
            continue
        assert command.target is not None
        one, two = (np.array(scene.objects[i].position_m[:2]) for i in command.anchors)
        place = np.array(scene.objects[command.target].position_m[:2])
        detour = np.linalg.norm(place - one) + np.linalg.norm(place - two)
        assert detour < 1.15 * np.linalg.norm(two - one)
        checked += 1
    assert checked > 3


def test_on_and_inside_are_what_holds_the_target() -> None:
    categories = {"on": ("plate", "tray"), "inside": ("bowl",)}
    checked: Counter[str] = Counter()
    for scene, _, command in of_kind("relation"):
        if command.relation not in categories:
            continue
        assert command.target is not None
        (anchor,) = command.anchors
        assert scene.objects[command.target].support == anchor
        assert scene.objects[anchor].category in categories[command.relation]
        checked[command.relation] += 1
    assert checked["on"] > 5
    assert checked["inside"] > 0


def test_ordinals_count_along_the_image() -> None:
    checked = 0
    for scene, instance, command in of_kind("ordinal"):
        ordinal, _, side = command.relation.split()
        rank = ORDINALS.index(ordinal)
        assert len(command.counted) == rank
        if side in ("left", "right"):
            group = visible(instance, matching(command.phrase, scene))
            order = sorted(group, key=lambda i: column_of(instance, i), reverse=side == "right")
            assert order[: rank + 1] == [*command.counted, command.target]
            checked += 1
    assert checked > 20


def test_nothing_is_said_of_a_scene_in_which_nothing_is_seen() -> None:
    rng = scene_rng("val", 0)
    scene = sample_scene(rng)
    empty = np.full((HEIGHT_PX, WIDTH_PX), -1, np.int8)
    assert sample_commands(scene, empty, rng, 4) == []


def test_an_unknown_phrasing_is_refused_by_name() -> None:
    rng = scene_rng("val", 0)
    scene = sample_scene(rng)
    with pytest.raises(ValueError, match="'german'; expected 'train', 'val' or 'test'"):
        sample_commands(scene, painted(scene), rng, 1, "german")


def _templates() -> dict[str, dict[str, tuple[str, ...]]]:
    groups = (
        vocabulary.COMPARATIVE_TEMPLATES,
        vocabulary.OUTERMOST_TEMPLATES,
        vocabulary.RELATION_TEMPLATES,
    )
    found = {name: templates for group in groups for name, templates in group.items()}
    found["attribute"] = vocabulary.ATTRIBUTE_TEMPLATES
    found["counting"] = vocabulary.COUNTING_TEMPLATES
    found["negation"] = vocabulary.NEGATION_TEMPLATES
    found["wraps"] = vocabulary.WRAPS
    return found


@pytest.mark.parametrize("name", sorted(_templates()))
def test_the_splits_share_no_template(name: str) -> None:
    templates = _templates()[name]
    assert set(templates) == {"train", "val", "test"}
    assert all(templates.values())
    said = [text for texts in templates.values() for text in set(texts)]
    assert len(said) == len(set(said))


def test_the_other_splits_use_words_that_the_training_split_uses() -> None:
    words: dict[str, set[str]] = {"train": set(), "val": set(), "test": set()}
    for templates in _templates().values():
        for phrasing, texts in templates.items():
            words[phrasing] |= {word for text in texts for word in text.split()}
    assert words["val"] <= words["train"]
    assert words["test"] - words["train"] <= {
        "bring",
        "go",
        "may",
        "locate",
        "help",
        "like",
    }


def test_unknown_nouns_are_no_word_of_the_world() -> None:
    nouns = {word for words in vocabulary.CATEGORY_WORDS.values() for word in words}
    assert not set(vocabulary.UNKNOWN_NOUNS) & {*nouns, *CATEGORIES, *COLOURS, *SIZES}


def test_a_phrase_names_what_was_said() -> None:
    scene = sample_scene(scene_rng("val", 0))
    item = scene.objects[0]
    assert Phrase(size=item.size, category=item.category).matches(item)
    assert not Phrase(unlike=("colour", item.colour)).matches(item)
    assert Phrase(colour="green").text == "green object"
    assert Phrase(category="mug", unlike=("colour", "red")).text == "mug not red"
    assert Phrase("small", "red", "mug", "white").text == "small red-white mug"
    assert full_name(item).split()[0] == item.size

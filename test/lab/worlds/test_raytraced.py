"""The path-traced pictures that are kept, and the program that made them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ppcr_lab.evaluation.referring_files import DataSetError
from ppcr_lab.evaluation.samples import open_data_set
from ppcr_lab.sim.commands import KINDS
from ppcr_lab.worlds import lamps, raytraced
from ppcr_lab.worlds.truth import read_truth, write_truth
from ppcr_lab.worlds.views import WorldView
from ppcr_lab.worlds.world_samples import COMMANDS_A_SCENE
from ppcr_ros.core.types import Status


@pytest.mark.parametrize("number", range(0, raytraced.SCENES, 16))
def test_kept_pictures_are_true_to_their_scene(
    number: int, check_view: Callable[[WorldView], None]
) -> None:
    check_view(raytraced.view(number))


def test_all_kept_pictures_are_there_and_small_enough() -> None:
    files = list(raytraced.FOLDER.iterdir())
    assert len(files) == 3 * raytraced.SCENES
    assert sum(path.stat().st_size for path in files) <= 12e6


def test_kept_pictures_have_commands_of_all_kinds() -> None:
    kinds: Counter[str] = Counter()
    expected: Counter[Status] = Counter()
    samples, count = open_data_set("worlds:raytraced", limit=None)
    ids = set()
    for sample in samples:
        kinds[sample.kind] += 1
        expected[sample.expected_status] += 1
        ids.add(sample.sample_id)
        assert (sample.mask is not None) == (sample.expected_status is Status.OK)
    assert len(ids) == count == COMMANDS_A_SCENE * raytraced.SCENES >= 400
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 20
    assert min(expected[s] for s in (Status.OK, Status.NOT_FOUND, Status.AMBIGUOUS)) >= 20


def test_samples_are_the_same_from_wherever_one_begins() -> None:
    all_of_them, _ = open_data_set("worlds:raytraced", limit=9)
    known = [sample.command for sample in all_of_them]
    rest, count = open_data_set("worlds:raytraced", limit=5, start=4)
    assert [sample.command for sample in rest] == known[4:9]
    assert count == 5
    assert len(set(known)) == 9


def test_the_drawn_worlds_are_one_data_set() -> None:
    before = lamps.SCENES * COMMANDS_A_SCENE
    samples, count = open_data_set("worlds:drawn", limit=2, start=before)
    assert [sample.sample_id for sample in samples] == [
        "worlds/raytraced/000/0",
        "worlds/raytraced/000/1",
    ]
    assert count == 2


def test_truth_is_read_as_it_was_written(tmp_path: Path) -> None:
    scene = raytraced.view(5).scene
    write_truth(tmp_path / "scene.json", scene)
    assert read_truth(tmp_path / "scene.json") == scene
    (tmp_path / "scene.json").write_text('{"objects": []}')
    with pytest.raises(ValueError, match="is not a scene of a world"):
        read_truth(tmp_path / "scene.json")


def test_a_start_behind_the_end_is_refused() -> None:
    with pytest.raises(DataSetError, match="has 450 samples"):
        open_data_set("worlds:raytraced", limit=None, start=450)


def test_the_program_that_made_the_pictures_names_what_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec("bpy") is not None:
        pytest.skip("Blender's module is installed here")
    from ppcr_lab.worlds.raytraced_render import main

    assert main(["--into", str(tmp_path)]) == 2
    assert "pip install bpy" in capsys.readouterr().err

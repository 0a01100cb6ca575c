"""The scenes of the curves: so many objects, and a plain command that is accepted."""

from __future__ import annotations

import pytest

from ppcr_lab.bench import growth_scenes
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Frame


@pytest.fixture(autouse=True, scope="module")
def _renderer() -> None:
    try:
        next(growth_scenes.plain_scenes((1,), 1))
    except PPCRError as error:
        pytest.skip(str(error))


def test_each_number_of_objects_has_its_scenes_and_they_are_always_the_same() -> None:
    found = list(growth_scenes.plain_scenes((1, 12), 2, words=3))
    assert [item.objects for item in found] == [1, 1, 12, 12]
    assert all(item.frame.rgb.shape == (480, 640, 3) for item in found)
    assert all(item.command.startswith("the ") for item in found)
    assert all(len(item.command.split()) == 3 for item in found)
    again = list(growth_scenes.plain_scenes((12,), 1, words=3))
    assert again[0].command == found[2].command


def test_a_scene_that_is_not_accepted_is_passed_over() -> None:
    seen: list[str] = []

    def every_second(frame: Frame, command: str) -> bool:
        seen.append(command)
        return len(seen) % 2 == 0

    (found,) = growth_scenes.plain_scenes((3,), 1, every_second)
    assert len(seen) == 2
    assert found.command == seen[1]


def test_too_few_scenes_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth_scenes, "_TRIES", 2)
    with pytest.raises(PPCRError, match="of 2 scenes with 3 objects 0 have a command that leads"):
        list(growth_scenes.plain_scenes((3,), 1, lambda frame, command: False))


def test_a_machine_that_cannot_render_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl(*arguments: object) -> None:
        raise RuntimeError("no GL library")

    monkeypatch.setattr("ppcr_lab.sim.renderer.TabletopRenderer", no_gl)
    with pytest.raises(PPCRError, match="no scene can be rendered: no GL library"):
        list(growth_scenes.plain_scenes((3,), 1))

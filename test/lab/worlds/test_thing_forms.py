"""Forms and their places: whole, as large as they say, standing on what they stand on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ppcr_lab.sim.objects import CATEGORIES, SIZES
from ppcr_lab.worlds.layout import draw_setting
from ppcr_lab.worlds.profile_meshes import TriangleMesh, turn, with_normals
from ppcr_lab.worlds.thing_forms import make_shape


def volume(mesh: TriangleMesh) -> float:
    """Of a closed surface; positive where its faces look outwards."""
    one, two, three = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->i", one, np.cross(two, three)).sum() / 6.0)


def test_a_turned_profile_is_a_cylinder_seen_from_outside() -> None:
    cylinder = turn([(0.0, 0.0), (2.0, 0.0), (2.0, 3.0), (0.0, 3.0)], steps=200)
    assert volume(cylinder) == pytest.approx(12.0 * math.pi, rel=1e-3)


def test_an_edge_is_sharp_and_a_side_is_smooth() -> None:
    vertices, normals, faces = with_normals(
        turn([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)], steps=64)
    )
    assert len(vertices) == faces.size
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1.0)
    flat = np.abs(normals[:, 2]) > 0.5
    assert np.abs(normals[flat, 2]) == pytest.approx(1.0)
    side = normals[~flat]
    out = vertices[~flat, :2]
    assert np.einsum("ij,ij->i", side[:, :2], out) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_form_stands_on_the_table_in_its_size(category: str) -> None:
    widths = {}
    for size in SIZES:
        for seed in range(12):
            shape = make_shape(category, size, np.random.default_rng(seed))
            parts = [shape.body] if shape.trim is None else [shape.body, shape.trim]
            whole = np.concatenate([part.vertices for part in parts])
            low, high = whole.min(axis=0), whole.max(axis=0)
            assert low[2] == pytest.approx(0.0, abs=1e-9)
            assert (high - low) / 2.0 == pytest.approx(shape.half_extent_m)
            assert (low + high)[:2] == pytest.approx(0.0, abs=1e-9)
            assert volume(shape.body) > 0.0
            assert (shape.floor is not None) == (category in ("plate", "bowl", "tray"))
            widths.setdefault(size, []).append(max(shape.half_extent_m))
    assert max(widths["small"]) < 1.4 * min(widths["large"])
    assert np.mean(widths["small"]) < 0.8 * np.mean(widths["large"])


def test_no_two_forms_of_a_kind_are_alike() -> None:
    forms = {make_shape("mug", "small", np.random.default_rng(n)).half_extent_m for n in range(20)}
    assert len(forms) == 20


@pytest.mark.parametrize("seed", range(8))
def test_a_setting_is_true_to_its_scene(seed: int) -> None:
    setting = draw_setting(np.random.default_rng(seed), num_objects=(4, 9), aspect=4 / 3)
    objects = setting.scene.objects
    assert 4 <= len(objects) == len(setting.shapes) <= 9
    assert len({(item.category, item.colour, item.size) for item in objects}) == len(objects)
    for index, item in enumerate(objects):
        assert item.half_extent_m == setting.shapes[index].half_extent_m
        _, _, z = setting.stand(index)
        if item.support is None:
            assert z == pytest.approx(0.0)
        else:
            host = objects[item.support]
            assert host.support is None
            assert math.dist(item.position_m[:2], host.position_m[:2]) == pytest.approx(0.0)
            assert 0.0 < z < 2.0 * host.half_extent_m[2]
    again = draw_setting(np.random.default_rng(seed), num_objects=(4, 9), aspect=4 / 3)
    assert again.scene == setting.scene

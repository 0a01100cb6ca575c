"""The forms: closed where they should be, hollow where they should be, wound outward."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ppcr_lab.sim.forms import forms
from ppcr_lab.sim.meshes import Mesh
from ppcr_lab.sim.objects import CATEGORIES, INNER_FLOOR

FORMS = forms()
PARTS = [(category, part) for category in CATEGORIES for part in ("body", "trim")]


def heights_above(mesh: Mesh, x: float, y: float) -> NDArray[np.float64]:
    """Where the upright line through x, y meets the mesh: heights, from low to high."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    det = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    flat = np.abs(det) > 1e-9
    a, b, c, det = a[flat], b[flat], c[flat], det[flat]
    u = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])) / det
    v = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / det
    inside = (u >= 0) & (v >= 0) & (u + v <= 1)
    return np.sort((a[:, 2] + u * (b[:, 2] - a[:, 2]) + v * (c[:, 2] - a[:, 2]))[inside])


def test_every_category_has_a_form() -> None:
    assert tuple(FORMS) == CATEGORIES


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_body_fills_its_box(category: str) -> None:
    vertices = FORMS[category].body.vertices
    np.testing.assert_allclose(vertices.min(axis=0), -1.0, atol=0.012)
    np.testing.assert_allclose(vertices.max(axis=0), 1.0, atol=0.012)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_trim_lies_close_around_the_body(category: str) -> None:
    trim = FORMS[category].trim.vertices
    assert np.abs(trim).max() < 1.08
    body = FORMS[category].body.vertices
    assert np.ptp(trim[:, 2]) < 0.95 * np.ptp(body[:, 2]) or category == "capsule"


@pytest.mark.parametrize(("category", "part"), PARTS)
def test_faces_are_wound_outward_and_normals_are_unit(category: str, part: str) -> None:
    mesh: Mesh = getattr(FORMS[category], part)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-9)
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    facing = np.cross(b - a, c - a)
    assert np.linalg.norm(facing, axis=1).min() > 0.0
    assert ((facing * mesh.normals[mesh.faces].sum(axis=1)).sum(axis=1) > 0).all()


@pytest.mark.parametrize("category", ["cube", "ball", "cylinder", "capsule", "cone", "bottle"])
def test_a_solid_is_entered_once_and_left_once(category: str) -> None:
    heights = heights_above(FORMS[category].body, 0.03, 0.02)
    np.testing.assert_allclose(heights, [-1.0, 1.0], atol=0.11)


@pytest.mark.parametrize("category", ["bowl", "plate", "tray"])
def test_a_support_has_its_inner_floor_where_riders_stand(category: str) -> None:
    x, y, floor = INNER_FLOOR[category]
    for share in (0.03, 0.95):
        bottom, top = heights_above(FORMS[category].body, share * x, 0.01 * y)
        assert bottom < floor
        assert top == pytest.approx(floor)
    # Beyond the floor it rises to the rim.
    assert heights_above(FORMS[category].body, 0.975, 0.01)[-1] > 0.5


def test_a_mug_is_hollow_and_has_an_open_handle() -> None:
    body = FORMS["mug"].body
    bottom, floor = heights_above(body, -0.2, 0.01)
    assert bottom == pytest.approx(-1.0)
    assert floor == pytest.approx(-0.85)
    arms = heights_above(body, 0.75, 0.01)
    assert len(arms) == 4, "two arms of the handle, each entered and left"
    assert arms[2] - arms[1] > 0.3, "a finger fits in between"

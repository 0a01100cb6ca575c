"""Marks of a result in the live picture."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np

from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.types import Array, Result, Segmentation, Status
from ppcr_ros.web.overlay import marked_boxes, overlay_svg

WIDTH, HEIGHT = 320, 240
MATRIX = np.array([[300.0, 0, 160], [0, 300.0, 120], [0, 0, 1]])


def ring() -> Array:
    """A square with a hole."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[50:100, 60:120] = True
    mask[65:85, 80:100] = False
    return mask


def result(mask: Array, status: Status = Status.OK) -> Result:
    return Result(status, "the red mug", segmentation=Segmentation.from_mask(mask, 0.9))


def elements(svg: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(f"<svg>{svg}</svg>"))


def test_the_masks_outline_and_its_hole_are_drawn() -> None:
    found = elements(overlay_svg(result(ring()), WIDTH, HEIGHT))
    (path,) = [item for item in found if item.tag == "path"]
    rings = path.attrib["d"].split("Z")[:-1]
    assert len(rings) == 2
    assert path.attrib["fill-rule"] == "evenodd"
    xs = [int(x) for x, _ in re.findall(r"(\d+) (\d+)", rings[0] + rings[1])]
    assert (min(xs), max(xs)) == (60, 119)
    box = next(item.attrib for item in found if item.tag == "rect")
    assert (box["x"], box["y"], box["width"], box["height"]) == ("60.0", "50.0", "60.0", "50.0")


def test_a_mask_that_is_not_to_be_used_has_another_colour() -> None:
    good = overlay_svg(result(ring()), WIDTH, HEIGHT)
    doubtful = overlay_svg(result(ring(), Status.LOW_CONFIDENCE), WIDTH, HEIGHT)
    assert "#40ff78" in good
    assert "#40ff78" not in doubtful
    assert "#ff9628" in doubtful


def test_of_several_each_has_its_number() -> None:
    other = np.zeros((HEIGHT, WIDTH), np.bool_)
    other[150:200, 200:260] = True
    alone = [Segmentation.from_mask(mask, 0.9).instances[0] for mask in (ring(), other)]
    both = replace(result(ring()), segmentation=Segmentation.union(tuple(alone)))
    texts = [item.text for item in elements(overlay_svg(both, WIDTH, HEIGHT)) if item.tag == "text"]
    assert texts == ["1", "2"]
    assert len(marked_boxes(both)) == 2


def test_a_mask_of_another_size_is_not_drawn() -> None:
    assert overlay_svg(result(ring()), 640, 480) == ""


def test_a_grasp_is_drawn_where_the_camera_is_known() -> None:
    # As the camera sees a box on a table: its z points up, which is against y of the image.
    turned = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    box = OrientedBox(np.array([0.0, 0.0, 1.0]), turned, np.array([0.1, 0.06, 0.08]))
    grasp = GraspTarget(True, box=box, centroid_m=box.centre_m, approach=-turned[:, 2])
    graspable = replace(result(ring()), grasp=grasp)
    lines = [e for e in elements(overlay_svg(graspable, WIDTH, HEIGHT, MATRIX)) if e.tag == "line"]
    assert len(lines) == 12 + 2, "the box's edges, between the fingers, and the approach"
    fingers = lines[12].attrib
    middle = (float(fingers["x1"]) + float(fingers["x2"])) / 2
    assert abs(middle - 160.0) < 1.0
    assert "<line" not in overlay_svg(graspable, WIDTH, HEIGHT)
    refused = replace(grasp, graspable=False, reason="the clock stands")
    drawn = overlay_svg(replace(graspable, grasp=refused), WIDTH, HEIGHT, MATRIX)
    assert len([e for e in elements(drawn) if e.tag == "line"]) == 12, "the box alone"
    assert "clock" not in drawn


def test_what_was_pointed_at_is_marked() -> None:
    pointed = replace(result(ring()), point_xy_px=(77.0, 88.0))
    circles = [e.attrib for e in elements(overlay_svg(pointed, WIDTH, HEIGHT)) if e.tag == "circle"]
    assert {(item["cx"], item["cy"]) for item in circles} == {("77.0", "88.0")}

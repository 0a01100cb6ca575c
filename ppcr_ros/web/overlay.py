"""Marks of a result in the live picture, as SVG: numbers alone, and no text from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.types import Array, Result, Status
from ppcr_ros.drawing import BOX_RGB, CANDIDATE_RGB, DESTINATION_RGB, MASK_RGB, Rgb

_LOW_RGB: Rgb = (255, 150, 40)
_GRASP_RGB: Rgb = (255, 90, 60)
_EDGES = tuple(
    (corner, corner | bit) for corner in range(8) for bit in (1, 2, 4) if not corner & bit
)
"""Of a box's corners as of `OrientedBox.corners_m`: those that differ in one bit."""
_COARSE_PX = 0.6
_APPROACH_M = 0.08


def overlay_svg(
    result: Result, width_px: int, height_px: int, camera_matrix: Array | None = None
) -> str:
    """The contents of an ``<svg>`` whose user units are the picture's pixels; empty for none.

    Mask, box, numbered candidates or instances, destination, what was pointed at and the grasp.

    Args:
        result: what was found.
        width_px: of the picture.
        height_px: of the picture.
        camera_matrix: (3, 3), by which the grasp's box is drawn; None leaves it out.
    """
    unit = max(1.0, min(width_px, height_px) / 240)
    parts: list[str] = []
    found = result.segmentation
    if found is not None and found.mask.shape == (height_px, width_px):
        colour = MASK_RGB if result.status is Status.OK else _LOW_RGB
        parts.append(_mask(found.mask, colour, unit))
        several = len(found.instances) > 1
        for number, item in enumerate(found.instances, 1):
            parts.append(_box(item.box_xyxy_px, BOX_RGB, unit))
            if several:
                parts.append(_number(number, item.box_xyxy_px, BOX_RGB, unit))
        if found.destination is not None:
            parts.append(_mask(found.destination.mask, DESTINATION_RGB, unit))
            parts.append(_box(found.destination.box_xyxy_px, DESTINATION_RGB, unit, dashed=True))
    for fits in result.candidates:
        if fits.mask is not None and fits.mask.shape == (height_px, width_px):
            parts.append(_mask(fits.mask, CANDIDATE_RGB, unit))
        parts.append(_box(fits.box_xyxy_px, CANDIDATE_RGB, unit))
        parts.append(_number(fits.number, fits.box_xyxy_px, CANDIDATE_RGB, unit))
    if result.point_xy_px is not None:
        parts.append(_cross(result.point_xy_px, unit))
    if result.grasp is not None and camera_matrix is not None and found is not None:
        parts.extend(_grasp(result.grasp, camera_matrix, unit))
    return "".join(parts)


def marked_boxes(result: Result) -> list[Array]:
    """The boxes (4,), half-open pixels, of all that `overlay_svg` marks."""
    found = result.segmentation
    boxes = [] if found is None else [item.box_xyxy_px for item in found.instances]
    return [*boxes, *(item.box_xyxy_px for item in result.candidates)]


def _mask(mask: Array, colour: Rgb, unit: float) -> str:
    """The mask's outline, holes among it, tinted."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    path = "".join(_ring(contour) for contour in contours)
    if not path:
        return ""
    return (
        f'<path d="{path}" fill="{_css(colour)}" fill-opacity="0.22" fill-rule="evenodd" '
        f'stroke="{_css(colour)}" stroke-width="{unit:.1f}" stroke-linejoin="round"/>'
    )


def _ring(contour: Array) -> str:
    points = cv2.approxPolyDP(contour, _COARSE_PX, True).reshape(-1, 2)
    if len(points) < 3:
        return ""
    return "M" + "L".join(f"{int(x)} {int(y)}" for x, y in points) + "Z"


def _box(box_xyxy_px: Array, colour: Rgb, unit: float, *, dashed: bool = False) -> str:
    x1, y1, x2, y2 = (float(value) for value in box_xyxy_px)
    size = f'x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"'
    dashes = f' stroke-dasharray="{3 * unit:.1f} {2 * unit:.1f}"' if dashed else ""
    lines = (("rgba(0,0,0,0.55)", 2.6 * unit), (_css(colour), 1.2 * unit))
    return "".join(
        f'<rect {size} rx="{unit:.1f}" fill="none" stroke="{stroke}" '
        f'stroke-width="{width:.1f}"{dashes}/>'
        for stroke, width in lines
    )


def _number(number: int, box_xyxy_px: Array, colour: Rgb, unit: float) -> str:
    """A number on a disc at the box's upper left corner, inside of the picture."""
    radius = 8.0 * unit
    x = max(float(box_xyxy_px[0]), radius)
    y = max(float(box_xyxy_px[1]), radius)
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_css(colour)}" '
        f'stroke="rgba(0,0,0,0.55)" stroke-width="{0.7 * unit:.1f}"/>'
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" dominant-baseline="central" '
        f'font-family="sans-serif" font-weight="700" font-size="{10 * unit:.1f}" '
        f'fill="#16181d">{int(number)}</text>'
    )


def _cross(point_xy_px: Sequence[float], unit: float) -> str:
    x, y = (float(value) for value in point_xy_px)
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 * unit:.1f}" fill="none" stroke="#fff" '
        f'stroke-width="{unit:.1f}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="{unit:.1f}" fill="#fff"/>'
    )


def _grasp(grasp: GraspTarget, camera_matrix: Array, unit: float) -> Iterator[str]:
    """The box in space and, where it may be grasped, the fingers' way and the approach."""
    box = grasp.box
    if box is None:
        return
    corners = box.corners_m()
    if (corners[:, 2] <= 0.01).any():
        return  # behind the camera, or as good as
    colour = _css(_GRASP_RGB) if grasp.graspable else "rgba(255,255,255,0.7)"
    pixels = _projected(corners, camera_matrix)
    for first, last in _EDGES:
        yield _line(pixels[first], pixels[last], "rgba(255,255,255,0.55)", 0.6 * unit)
    if not grasp.graspable:
        return
    y_axis, z_axis = box.camera_r_box[:, 1], box.camera_r_box[:, 2]
    reach = y_axis * box.size_m[1] / 2.0
    top = box.centre_m + z_axis * box.size_m[2] / 2.0
    ways = np.stack([box.centre_m - reach, box.centre_m + reach, top + z_axis * _APPROACH_M, top])
    if (ways[:, 2] <= 0.01).any():
        return
    left, right, far, near = _projected(ways, camera_matrix)
    yield _line(left, right, colour, 1.4 * unit)
    for end in (left, right):
        yield f'<circle cx="{end[0]:.1f}" cy="{end[1]:.1f}" r="{2.4 * unit:.1f}" fill="{colour}"/>'
    yield _line(far, near, colour, 1.4 * unit)
    yield _arrow_head(far, near, colour, unit)


def _projected(points_m: Array, camera_matrix: Array) -> Array:
    """(n, 2) pixels of (n, 3) points in the optical frame."""
    seen = points_m @ camera_matrix.T
    return np.asarray(seen[:, :2] / seen[:, 2:])


def _line(start: Array, end: Array, stroke: str, width: float) -> str:
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" '
        f'stroke="{stroke}" stroke-width="{width:.1f}" stroke-linecap="round"/>'
    )


def _arrow_head(start: Array, end: Array, fill: str, unit: float) -> str:
    way = end - start
    length = float(np.linalg.norm(way)) or 1.0
    along, across = way / length * 6.0 * unit, np.array([-way[1], way[0]]) / length * 3.0 * unit
    corners = (end, end - along + across, end - along - across)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return f'<polygon points="{points}" fill="{fill}"/>'


def _css(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)

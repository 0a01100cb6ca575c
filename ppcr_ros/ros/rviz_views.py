"""Views of a result for RViz: markers and the object's points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.grasp.optical_points import backproject, object_points
from ppcr_ros.core.types import Array, Frame, Result, Status
from ppcr_ros.drawing import short_label
from ppcr_ros.ros.grasp_message import point

NAMESPACE = "ppcr"
_IMAGE_PLANE_M = 1.0
_OK_COLOUR = ColorRGBA(r=0.25, g=1.0, b=0.45, a=1.0)
_DOUBT_COLOUR = ColorRGBA(r=1.0, g=0.6, b=0.15, a=1.0)
_PLACE_COLOUR = ColorRGBA(r=0.35, g=0.8, b=1.0, a=1.0)
_CANDIDATE_COLOUR = ColorRGBA(r=0.75, g=0.6, b=1.0, a=1.0)
_IDS_EACH = 10
"""Marker ids kept for each object."""
_EDGES = [(a, a | bit) for bit in (1, 2, 4) for a in range(8) if not a & bit]
"""Pairs of a box's corners that differ in one bit of their index."""
_ARROW_M = 0.12


def clear_markers(header: Header) -> MarkerArray:
    """Takes every marker of this node away."""
    return MarkerArray(markers=[Marker(header=header, ns=NAMESPACE, action=Marker.DELETEALL)])


def object_markers(result: Result, frame: Frame, header: Header) -> MarkerArray | None:
    """The objects' boxes, names, and from where to grasp them, in the camera's optical frame.

    What several fit has its number, on the image plane, and so has the destination.

    With depth it is the oriented box in space, with an arrow along the approach that ends on it, in
    another colour where the object is not graspable. Without depth it is the mask's box on the
    image plane at 1 m, which says the direction and not the distance.

    Returns:
        The markers, which replace those before; only their removal where the run found no
        object; None where the camera matrix is unknown, so that nothing can be placed.
    """
    message = clear_markers(header)
    named = [*_numbered_objects(result), *_places_and_candidates(result)]
    for place, shown in enumerate(named):
        markers = _object(shown, frame, header, _IDS_EACH * place)
        if markers is None:
            return None
        message.markers += markers
    return message


@dataclass(frozen=True)
class _MarkedObject:
    """One object among the markers."""

    box_xyxy_px: Array
    label: str
    colour: ColorRGBA
    grasp: GraspTarget | None = None


def _numbered_objects(result: Result) -> list[_MarkedObject]:
    """What was found; each with its number where there are several."""
    found = result.segmentation
    if found is None:
        return []
    colour = _OK_COLOUR if result.status is Status.OK else _DOUBT_COLOUR
    if len(found.instances) == 1:
        return [_MarkedObject(found.box_xyxy_px, short_label(result), colour, result.grasp)]
    return [
        _MarkedObject(
            item.box_xyxy_px, f"{number} {item.words} {item.score:.2f}", colour, item.grasp
        )
        for number, item in enumerate(found.instances, 1)
    ]


def _places_and_candidates(result: Result) -> list[_MarkedObject]:
    """Where something is to go, and what several fit, on the image plane."""
    shown = []
    if result.segmentation is not None and result.segmentation.destination is not None:
        place = result.segmentation.destination
        shown.append(_MarkedObject(place.box_xyxy_px, f"to: {place.words}", _PLACE_COLOUR))
    return shown + [
        _MarkedObject(item.box_xyxy_px, f"{item.number}: {item.words}", _CANDIDATE_COLOUR)
        for item in result.candidates
    ]


def _object(
    shown: _MarkedObject, frame: Frame, header: Header, first_id: int
) -> list[Marker] | None:
    """The markers of one object; None where the camera matrix is unknown and needed."""
    grasp = shown.grasp
    if grasp is not None and grasp.box is not None:
        colour = _OK_COLOUR if grasp.graspable else _DOUBT_COLOUR
        corners = grasp.box.corners_m()
        segments_m = np.array([corners[index] for edge in _EDGES for index in edge])
        markers = _outline(segments_m, _label(shown.label, grasp), colour, header)
        markers.append(_approach(grasp.box, colour, header))
    elif frame.camera_matrix is None:
        return None
    else:
        segments_m = _box_on_image_plane(shown.box_xyxy_px, frame.camera_matrix)
        markers = _outline(segments_m, shown.label, shown.colour, header)
    for marker in markers:
        marker.id += first_id
    return markers


def _outline(segments_m: Array, label: str, colour: ColorRGBA, header: Header) -> list[Marker]:
    """Lines between each two of the points (2n, 3), and the label above them in the image."""
    low, high = segments_m.min(axis=0), segments_m.max(axis=0)
    size_m = float(np.linalg.norm(high - low))
    box = _marker(header, 0, Marker.LINE_LIST, colour)
    box.scale.x = max(0.001, 0.015 * size_m)
    box.points = [point(xyz) for xyz in segments_m]
    text = _marker(header, 1, Marker.TEXT_VIEW_FACING, colour)
    text.text = label
    text.scale.z = max(0.01, 0.15 * size_m)
    middle = (low + high) / 2.0
    text.pose.position = point(np.array([middle[0], low[1] - text.scale.z, middle[2]]))
    return [box, text]


def _label(name: str, grasp: GraspTarget) -> str:
    """The name, and the closing width in millimetres or that there is nothing to grasp."""
    width = f"{1000.0 * grasp.width_m:.0f} mm wide"
    return f"{name}\n{width if grasp.graspable else 'not graspable'}"


def _approach(box: OrientedBox, colour: ColorRGBA, header: Header) -> Marker:
    """An arrow along the approach to the middle of the box's upper side."""
    z = box.camera_r_box[:, 2]
    tip = box.centre_m + z * (box.size_m[2] / 2.0)
    arrow = _marker(header, 2, Marker.ARROW, colour)
    arrow.points = [point(tip + z * _ARROW_M), point(tip)]
    arrow.scale.x, arrow.scale.y, arrow.scale.z = 0.008, 0.02, 0.03
    return arrow


def points_message(frame: Frame, mask: Array, header: Header) -> PointCloud2 | None:
    """The object's points, metres, in the optical frame, with their colour.

    Returns:
        A cloud of height 1 with the fields x, y, z and rgb; it may have no points where no depth
        is known. None where the frame lacks depth or intrinsics.
    """
    found = object_points(frame, mask)
    if found is None:
        return None
    return _cloud(*found, header)


def no_points(header: Header) -> PointCloud2:
    """A cloud without points, which takes away the one before it."""
    return _cloud(np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8), header)


def _cloud(points_m: Array, rgb: Array, header: Header) -> PointCloud2:
    cloud = np.empty((len(points_m), 4), np.float32)
    cloud[:, :3] = points_m
    channels = rgb.astype(np.uint32)
    cloud[:, 3] = (channels[:, 0] << 16 | channels[:, 1] << 8 | channels[:, 2]).view(np.float32)
    message = PointCloud2(
        header=header,
        height=1,
        width=len(cloud),
        fields=[
            PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate(("x", "y", "z", "rgb"))
        ],
        is_bigendian=False,
        point_step=16,
        row_step=16 * len(cloud),
        is_dense=True,
    )
    message.data.frombytes(cloud.astype("<f4").tobytes())
    return message


def _box_on_image_plane(box_xyxy_px: Array, camera_matrix: Array) -> Array:
    x1, y1, x2, y2 = (float(value) for value in box_xyxy_px)
    loop = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    pixels = np.array([loop[i % 4] for n in range(4) for i in (n, n + 1)])
    return backproject(pixels, np.full(len(pixels), _IMAGE_PLANE_M), camera_matrix)


def _marker(header: Header, number: int, kind: int, colour: ColorRGBA) -> Marker:
    marker = Marker(
        header=header, ns=NAMESPACE, id=number, type=kind, action=Marker.ADD, color=colour
    )
    marker.pose.orientation.w = 1.0
    return marker

"""What people look at in RViz: markers and the object's points."""

from __future__ import annotations

from itertools import product

import numpy as np
from geometry_msgs.msg import Point
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ppcr_ros.core.types import Array, Frame, Result, Status
from ppcr_ros.drawing import short_label
from ppcr_ros.ros.geometry import backproject, extent_m, object_points

NAMESPACE = "ppcr"
_IMAGE_PLANE_M = 1.0
_OK_COLOUR = ColorRGBA(r=0.25, g=1.0, b=0.45, a=1.0)
_DOUBT_COLOUR = ColorRGBA(r=1.0, g=0.6, b=0.15, a=1.0)
_CORNERS = np.array(list(product((0, 1), repeat=3)), bool)
_EDGES = [
    (a, b)
    for a in range(8)
    for b in range(a + 1, 8)
    if np.count_nonzero(_CORNERS[a] != _CORNERS[b]) == 1
]


def clear_markers(header: Header) -> MarkerArray:
    """Takes every marker of this node away."""
    return MarkerArray(markers=[Marker(header=header, ns=NAMESPACE, action=Marker.DELETEALL)])


def object_markers(result: Result, frame: Frame, header: Header) -> MarkerArray | None:
    """The outline of the object's box and its name, in the camera's optical frame.

    With depth it is the box in space along the camera's axes. Without depth it is the mask's box
    on the image plane at 1 m, which says the direction and not the distance.

    Returns:
        The markers, which replace those before; only their removal where the run found no
        object; None where the camera matrix is unknown, so that nothing can be placed.
    """
    message = clear_markers(header)
    if result.segmentation is None:
        return message
    if frame.camera_matrix is None:
        return None
    outline = _box_in_space(frame, result.segmentation.mask)
    if outline is None:
        outline = _box_on_image_plane(result.segmentation.box_xyxy_px, frame.camera_matrix)
    segments_m, top_m = outline
    colour = _OK_COLOUR if result.status is Status.OK else _DOUBT_COLOUR
    size_m = float(np.linalg.norm(segments_m.max(axis=0) - segments_m.min(axis=0)))
    box = _marker(header, 0, Marker.LINE_LIST, colour)
    box.scale.x = max(0.001, 0.015 * size_m)
    box.points = [_point(xyz) for xyz in segments_m]
    text = _marker(header, 1, Marker.TEXT_VIEW_FACING, colour)
    text.text = short_label(result)
    text.scale.z = max(0.01, 0.15 * size_m)
    text.pose.position = _point(top_m - np.array([0.0, text.scale.z, 0.0]))
    message.markers += [box, text]
    return message


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


def _box_in_space(frame: Frame, mask: Array) -> tuple[Array, Array] | None:
    found = object_points(frame, mask)
    if found is None or not len(found[0]):
        return None
    low, high = extent_m(found[0])
    corners = np.where(_CORNERS, high, low)
    segments = np.array([corners[index] for edge in _EDGES for index in edge])
    return segments, np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])


def _box_on_image_plane(box_xyxy_px: Array, camera_matrix: Array) -> tuple[Array, Array]:
    x1, y1, x2, y2 = (float(value) for value in box_xyxy_px)
    loop = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    pixels = np.array([loop[i % 4] for n in range(4) for i in (n, n + 1)] + [((x1 + x2) / 2, y1)])
    points = backproject(pixels, np.full(len(pixels), _IMAGE_PLANE_M), camera_matrix)
    return points[:-1], points[-1]


def _marker(header: Header, number: int, kind: int, colour: ColorRGBA) -> Marker:
    marker = Marker(
        header=header, ns=NAMESPACE, id=number, type=kind, action=Marker.ADD, color=colour
    )
    marker.pose.orientation.w = 1.0
    return marker


def _point(xyz_m: Array) -> Point:
    return Point(x=float(xyz_m[0]), y=float(xyz_m[1]), z=float(xyz_m[2]))

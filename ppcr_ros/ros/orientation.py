"""Rotations as the quaternions of ROS messages."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Quaternion

from ppcr_ros.core.types import Array

try:
    from tf_transformations import quaternion_from_matrix
except (ImportError, AttributeError):  # AttributeError: an old transforms3d on a newer numpy
    quaternion_from_matrix = None


def rotation_to_quaternion(rotation: Array) -> Quaternion:
    """The quaternion of a rotation (3, 3), by tf_transformations, or by transforms3d below it.

    Raises:
        ImportError: when neither is installed.
    """
    if quaternion_from_matrix is not None:
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        x, y, z, w = quaternion_from_matrix(matrix)
    else:
        from transforms3d.quaternions import mat2quat

        w, x, y, z = mat2quat(rotation)
    return Quaternion(x=float(x), y=float(y), z=float(z), w=float(w))

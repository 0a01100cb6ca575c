"""Depth and intrinsics from the command line, for ``ppcr segment``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppcr_ros.commands.common import UsageError
from ppcr_ros.core.documents import check_regular

if TYPE_CHECKING:
    from ppcr_ros.core.types import Array, Frame

DEPTH_HELP = "depth of IMAGE, as large as it: 16-bit PNG in millimetres, or .npy in metres (float)"
MATRIX_HELP = "focal lengths and centre in pixels: FX,FY,CX,CY; with --depth"


def with_depth(frame: Frame, depth: Path | None, matrix: str | None) -> Frame:
    """``frame`` with the depth of a file and the intrinsics of a text.

    Raises:
        UsageError: when only one is given, or one cannot be read or does not fit the image.
    """
    if depth is None and matrix is None:
        return frame
    if depth is None or matrix is None:
        raise UsageError("a grasp target needs both: give --depth and --camera-matrix.")
    depth_m = read_depth(depth)
    if depth_m.shape != frame.rgb.shape[:2]:
        raise UsageError(
            f"{depth} is {depth_m.shape[1]}x{depth_m.shape[0]} pixels and the image "
            f"{frame.width_px}x{frame.height_px}; expected depth registered to the image."
        )
    return replace(frame, depth_m=depth_m, camera_matrix=parse_matrix(matrix))


def read_depth(path: Path) -> Array:
    """(H, W) float32 metres of a 16-bit PNG or of an .npy file; integers are millimetres.

    Raises:
        UsageError: when the file cannot be read or holds something else.
    """
    import numpy as np
    from PIL import Image

    try:
        check_regular(path)
        if path.suffix == ".npy":
            values = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        else:
            with Image.open(path, formats=("PNG",)) as image:
                values = np.asarray(image)
    except (OSError, ValueError, EOFError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"cannot read the depth {path}: {error}.") from error
    if values.ndim != 2 or values.dtype.kind not in "uif" or values.dtype.itemsize < 2:
        raise UsageError(
            f"{path} holds {values.shape} {values.dtype}; expected (H, W) of 16-bit millimetres or "
            "of floats in metres."
        )
    scale = 1.0 if values.dtype.kind == "f" else 0.001
    depth_m: Array = (values * scale).astype(np.float32)
    return depth_m


def parse_matrix(text: str) -> Array:
    """(3, 3) float64 of ``fx,fy,cx,cy``.

    Raises:
        UsageError: when these are not four numbers with positive focal lengths.
    """
    import numpy as np

    try:
        fx, fy, cx, cy = (float(value) for value in text.split(","))
    except ValueError as error:
        raise UsageError(f"--camera-matrix is {text!r}; expected FX,FY,CX,CY.") from error
    if not (np.isfinite([fx, fy, cx, cy]).all() and fx > 0 and fy > 0):
        raise UsageError(f"--camera-matrix is {text!r}; expected focal lengths above 0.")
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

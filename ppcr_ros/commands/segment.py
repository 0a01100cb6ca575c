"""``ppcr segment``: one command about one image file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppcr_ros.commands.answers import instances_to_dict, said_lines
from ppcr_ros.commands.common import UsageError, add_config_arguments, config_of
from ppcr_ros.commands.depth_files import DEPTH_HELP, MATRIX_HELP, with_depth
from ppcr_ros.core.outside_text import file_name
from ppcr_ros.core.paths import usable_path

if TYPE_CHECKING:
    from ppcr_ros.core.grasp.grasp_target import GraspTarget
    from ppcr_ros.core.types import Array, Frame, Result

HELP = "find in an image what a command names"
DESCRIPTION = (
    "Find in IMAGE what COMMAND names and print the three stages. "
    "Exit code: 0 for OK, 1 for any other status, 2 where nothing could be run."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", type=Path, help="a JPEG or PNG file")
    parser.add_argument(
        "words", metavar="COMMAND", nargs="*", help="the small green ball, with quotes or without"
    )
    parser.add_argument(
        "--point",
        type=float,
        nargs=2,
        metavar=("X", "Y"),
        help="a pixel that is pointed at: this one; without COMMAND what lies there is segmented",
    )
    add_config_arguments(parser)
    parser.add_argument("--depth", type=Path, metavar="FILE", help=DEPTH_HELP)
    parser.add_argument("--camera-matrix", metavar="FX,FY,CX,CY", help=MATRIX_HELP)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the overlay here")
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="write the mask here, 0 and 255; where nothing is found the file is removed",
    )
    parser.add_argument(
        "--ids",
        type=Path,
        metavar="FILE",
        help="write here which object each pixel is of; likewise",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> int:
    from ppcr_ros.commands.output import check_distinct, prepare_pictures
    from ppcr_ros.core.types import Status
    from ppcr_ros.drawing import draw_result

    if not args.words and args.point is None:
        raise UsageError("there is no COMMAND; say what to find, or give --point X Y.")
    config = config_of(args)
    frame = read_frame(args.image, config.node.max_image_pixels)
    frame = with_depth(frame, args.depth, args.camera_matrix)
    outputs = (args.out, args.mask, args.ids)
    check_distinct(outputs, read=(args.image, args.depth, args.config))
    prepare_pictures(outputs)

    from ppcr_ros.models.factory import build_pipeline

    with build_pipeline(config) as pipeline:
        point = None if args.point is None else (args.point[0], args.point[1])
        result = pipeline.run(frame, " ".join(args.words), point_xy_px=point)
    pictures = {args.out: draw_result(frame.rgb, result), **mask_pictures(args, result)}
    removed = [] if result.segmentation else _remove([args.mask, args.ids])
    written = [path for path in pictures if path is not None]
    for path in written:
        write_image(path, pictures[path])
    if args.json:
        print(json.dumps(result_to_dict(result), indent=2, ensure_ascii=False))
    else:
        print(result_to_text(result))
        for path in written:
            print(f"wrote     {path}")
        for path in removed:
            print(f"removed   {path}, which an earlier command has left")
    return 0 if result.status is Status.OK else 1


def mask_pictures(args: argparse.Namespace, result: Result) -> dict[Path | None, Array]:
    """The mask's and the numbers' pictures by their files; none without a mask."""
    found = result.segmentation
    if found is None:
        return {}
    from ppcr_ros.camera.message_fields import instance_ids

    mask = found.mask.astype("uint8")
    numbers = instance_ids(found)
    return {args.mask: mask * 255, args.ids: mask if numbers is None else numbers}


def _remove(paths: Sequence[Path | None]) -> list[Path]:
    """Remove those of ``paths`` that exist: an earlier answer's mask is not this one's."""
    there = [path for path in paths if path is not None and path.exists()]
    for path in there:
        path.unlink()
    return there


def read_frame(path: Path, max_pixels: int) -> Frame:
    """The JPEG or PNG file as a frame, turned upright as its EXIF data say, in red, green, blue.

    It is read as the node reads a compressed image, of at most ``max_pixels``.

    Raises:
        UsageError: when there is no such file, or it is no image.
    """
    from ppcr_ros.camera.image_files import read_image_file
    from ppcr_ros.core.errors import InvalidFrameError
    from ppcr_ros.core.types import Frame

    place = usable_path(path, "the image")
    try:
        rgb = read_image_file(place, max_pixels)
    except (OSError, InvalidFrameError) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise UsageError(f"cannot read the image {path}: {reason}.") from error
    return Frame(rgb=rgb, frame_id=file_name(path.stem))


def write_image(path: Path, pixels: Array) -> None:
    """Write (H, W, 3) RGB or (H, W) grey uint8; the suffix says the format.

    Raises:
        UsageError: when that is not possible.
    """
    from PIL import Image

    try:
        Image.fromarray(pixels).save(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {path}: {reason}.") from error


def result_to_dict(result: Result) -> dict[str, Any]:
    """``result`` as plain types; the mask as its area, boxes half-open in pixels."""
    semantic, spatial, found = result.semantic, result.spatial, result.segmentation
    seconds = result.seconds
    return {
        "status": result.status.name,
        "message": result.message,
        "say": result.say,
        "command": result.command,
        "semantic_prompt": semantic
        and {
            "text": semantic.text,
            "category": semantic.category,
            "attributes": list(semantic.attributes),
            "relations": list(semantic.relations),
            "confidence": _known_confidence(semantic.confidence),
            "present": semantic.present,
            "ambiguous": semantic.ambiguous,
            "intent": semantic.intent.name,
            "part": semantic.part,
            "quantity": semantic.quantity,
            "targets": list(semantic.targets),
            "destination": semantic.destination,
            "destination_relation": semantic.destination_relation,
        },
        "spatial_prompt": spatial
        and {
            "text": spatial.text,
            "box_xyxy_px": spatial.box_xyxy_px.tolist(),
            "points_xy_px": spatial.points_xy_px.tolist(),
            "point_labels": spatial.point_labels.tolist(),
            "confidence": _known_confidence(spatial.confidence),
        },
        "segmentation": found
        and {
            "box_xyxy_px": found.box_xyxy_px.tolist(),
            "area_px": int(found.mask.sum()),
            "score": found.score,
        },
        **instances_to_dict(result),
        "grasp": result.grasp and _grasp_to_dict(result.grasp),
        "seconds": {
            "semantic": seconds.semantic,
            "spatial": seconds.spatial,
            "encode": seconds.encode,
            "segmentation": seconds.segmentation,
            "total": seconds.total,
        },
        "models": {"mllm": result.models.mllm, "segmenter": result.models.segmenter},
    }


def _grasp_to_dict(grasp: GraspTarget) -> dict[str, Any]:
    """Metres, in the camera's optical frame; the rotation's columns are the axes of the box."""
    box = grasp.box
    return {
        "graspable": grasp.graspable,
        "reason": grasp.reason,
        "valid_depth_pixels": grasp.valid_depth_pixels,
        "on_support": grasp.on_support,
        "centroid_m": None if grasp.centroid_m is None else grasp.centroid_m.tolist(),
        "approach": None if grasp.approach is None else grasp.approach.tolist(),
        "width_m": grasp.width_m,
        "box": box
        and {
            "centre_m": box.centre_m.tolist(),
            "camera_r_box": box.camera_r_box.tolist(),
            "size_m": box.size_m.tolist(),
        },
    }


def _grasp_to_text(grasp: GraspTarget) -> str:
    if grasp.box is None or grasp.centroid_m is None:
        return f"grasp     no: {grasp.reason}"
    x, y, z = grasp.centroid_m
    size = " x ".join(f"{value:.3f}" for value in grasp.box.size_m)
    answer = "yes" if grasp.graspable else f"no: {grasp.reason}"
    return f"grasp     {size} m at ({x:.3f}, {y:.3f}, {z:.3f}) m; {answer}"


def _known_confidence(confidence: float) -> float | None:
    from ppcr_ros.core.checks import is_known

    return confidence if is_known(confidence) else None


def _share(confidence: float) -> str:
    return "not told" if _known_confidence(confidence) is None else f"{confidence:.2f}"


def result_to_text(result: Result) -> str:
    """``result`` in a few lines for a person."""
    lines = [f"status    {result.status.name}"]
    if result.message:
        lines.append(f"message   {result.message}")
    if result.semantic is not None:
        lines.append(f"semantic  {result.semantic.text}  ({_share(result.semantic.confidence)})")
    if result.spatial is not None:
        box = ", ".join(f"{value:.0f}" for value in result.spatial.box_xyxy_px)
        lines.append(f"spatial   box ({box}) px  ({_share(result.spatial.confidence)})")
    if result.segmentation is not None:
        box = ", ".join(f"{value:.0f}" for value in result.segmentation.box_xyxy_px)
        area = int(result.segmentation.mask.sum())
        lines.append(f"mask      {area} px in ({box}) px, score {result.segmentation.score:.2f}")
    lines += said_lines(result)
    if result.grasp is not None and result.grasp.valid_depth_pixels:
        lines.append(_grasp_to_text(result.grasp))
    seconds = result.seconds
    lines.append(
        f"seconds   {seconds.total:.3f} (semantic {seconds.semantic:.3f}, spatial "
        f"{seconds.spatial:.3f}, encode {seconds.encode:.3f}, mask {seconds.segmentation:.3f})"
    )
    return "\n".join(lines)

"""``worlds:photos``: photographs in a folder that the user names, with boxes drawn by hand.

The folder holds the pictures and a ``README.md`` with a table of what is in them::

    | picture | command: box |
    |---|---|
    | kitchen.jpg | the blue mug: 268,164,424,328 · the yellow ball: absent · the cup: ambiguous |

A box is x1, y1, x2, y2 in pixels, half-open. There are no true masks: the tight box
of the answer's mask is held against the box.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ppcr_lab.evaluation.referring_files import DataSetError, LabelledSample
from ppcr_ros.core.types import Array, Frame, Status

LIST_FILE = "README.md"
_ROW = re.compile(r"^\|\s*([^|]+\.(?:jpe?g|png))\s*\|(.+)\|\s*$", re.IGNORECASE)
_PRESENT = "present"
_WITHOUT = {"absent": Status.NOT_FOUND, "ambiguous": Status.AMBIGUOUS}
_BOX = re.compile(r"^\d+(?:\.\d+)?(?:\s*,\s*\d+(?:\.\d+)?){3}$")


@dataclass(frozen=True)
class PhotoEntry:
    """One entry of the table; ``box_xyxy_px`` is None where no one thing is meant.

    ``kind`` is ``present``, ``absent`` or ``ambiguous``.
    """

    path: Path
    command: str
    kind: str
    expected_status: Status
    box_xyxy_px: Array | None


def read_list(root: Path | None) -> list[PhotoEntry]:
    """The entries of the table in ``root``.

    Raises:
        DataSetError: where the folder or its table is missing, or an entry cannot be read.
    """
    if root is None:
        raise DataSetError("worlds:photos is read from a folder of photographs; name it: --root.")
    path = root / LIST_FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataSetError(
            f"cannot read {path}: {error.strerror or error}. Expected a table in it with rows like "
            "| mug.jpg | the blue mug: 268,164,424,328 · the ball: absent |."
        ) from error
    entries = []
    for row in filter(None, map(_ROW.match, lines)):
        picture = root / row[1].strip()
        entries += [_entry(picture, part) for part in row[2].split("·")]
    if not entries:
        raise DataSetError(f"{path} has no row that begins with a picture, | NAME.jpg | ... |.")
    return entries


def samples(listed: list[PhotoEntry], first: int) -> Iterator[LabelledSample]:
    """The samples of the entries from number ``first`` on, each picture read when asked for.

    Raises:
        DataSetError: where a picture cannot be read, or is smaller than its box.
    """
    for number, entry in enumerate(listed[first:], first):
        frame = Frame(rgb=_read(entry.path))
        box = entry.box_xyxy_px
        if box is not None and (box[2] > frame.width_px or box[3] > frame.height_px):
            raise DataSetError(
                f"{entry.path} is {frame.width_px}x{frame.height_px} and the box of "
                f"{entry.command!r} ends at {box[2]:g},{box[3]:g}; expected one inside it."
            )
        yield LabelledSample(
            sample_id=f"worlds/photos/{number:03d}/{entry.path.name}",
            frame=frame,
            command=entry.command,
            kind=entry.kind,
            expected_status=entry.expected_status,
            mask=None,
            box_xyxy_px=box,
        )


def _entry(picture: Path, text: str) -> PhotoEntry:
    command, _, truth = (part.strip() for part in text.rpartition(":"))
    if command and truth in _WITHOUT:
        return PhotoEntry(picture, command, truth, _WITHOUT[truth], None)
    if command and _BOX.match(truth):
        box = np.array([float(value) for value in truth.split(",")], np.float32)
        if box[2] > box[0] and box[3] > box[1]:
            return PhotoEntry(picture, command, _PRESENT, Status.OK, box)
    raise DataSetError(
        f"{picture.name}: {text.strip()!r} is not understood; expected 'COMMAND: x1,y1,x2,y2' with "
        "x2 > x1 and y2 > y1, or 'COMMAND: absent', or 'COMMAND: ambiguous'."
    )


def _read(path: Path) -> Array:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise DataSetError(f"cannot read the photograph {path}: {error}.") from error

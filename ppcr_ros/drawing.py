"""Pictures for people: a result drawn over its frame, and sheets of many such pictures.

Needs NumPy and Pillow only, so that the ROS node, the command line and the demo draw alike.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ppcr_ros.core.outside_text import printable
from ppcr_ros.core.types import Array, Result, Status

Rgb: TypeAlias = tuple[int, int, int]
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

STATUS_RGB: dict[Status, Rgb] = {
    Status.OK: (24, 128, 56),
    Status.NOT_FOUND: (88, 96, 112),
    Status.PARSE_FAILED: (176, 48, 124),
    Status.LOW_CONFIDENCE: (190, 112, 0),
    Status.CANCELLED: (120, 120, 120),
    Status.ERROR: (186, 26, 26),
    Status.AMBIGUOUS: (96, 72, 160),
}
"""The header colour of each status, dark enough for white text."""

MASK_RGB: Rgb = (64, 255, 120)
BOX_RGB: Rgb = (255, 214, 10)
TRUTH_RGB: Rgb = (64, 156, 255)
DESTINATION_RGB: Rgb = (90, 200, 250)
CANDIDATE_RGB: Rgb = (190, 150, 255)

_INK: Rgb = (24, 26, 30)
_FAINT_INK: Rgb = (84, 90, 100)
_PAPER: Rgb = (255, 255, 255)
_SHEET: Rgb = (228, 231, 236)
_DARKER_FACTOR = 0.28
_SHEET_TEXT_PX = 17


@dataclass(frozen=True)
class Tile:
    """One picture of a contact sheet.

    Attributes:
        rgb: (H, W, 3) uint8, red, green, blue.
        lines: what stands under the picture; the first line is set off, all are wrapped.
        header: what stands above it, on a bar.
        status: colours the bar; None for a neutral one.
    """

    rgb: Array
    lines: Sequence[str] = ()
    header: str = ""
    status: Status | None = None


def draw_overlay(
    rgb: Array,
    mask: Array | None = None,
    box_xyxy_px: Array | None = None,
    alpha: float = 0.2,
    *,
    label: str = "",
    mask_rgb: Rgb = MASK_RGB,
    box_rgb: Rgb = BOX_RGB,
    label_rgb: Rgb = (0, 0, 0),
) -> Array:
    """A copy of an image with the mask tinted and outlined, the box and a short label.

    Args:
        rgb: (H, W, 3) uint8, red, green, blue; left as it is.
        mask: (H, W) bool; or None.
        box_xyxy_px: (4,), half-open, in the pixels of ``rgb``; or None.
        alpha: opacity of the tint, 0..1; the outline is always opaque.
        label: a few words above the box, or in the upper left corner where there is no box.
        mask_rgb: colour of tint and outline.
        box_rgb: colour of the box, and of its label's ground.
        label_rgb: ground of a label that stands in the corner.

    Returns:
        (H, W, 3) uint8, red, green, blue.

    Raises:
        ValueError: when mask and image differ in size.
    """
    drawn = np.array(rgb, dtype=np.uint8, copy=True, order="C")
    height, width = drawn.shape[:2]
    line_px = max(1, round(min(height, width) / 240))
    if mask is not None:
        if mask.shape != (height, width):
            raise ValueError(f"the mask is {mask.shape}; expected the image's {(height, width)}.")
        _tint(drawn, mask, mask_rgb, alpha)
        _outline(drawn, mask, mask_rgb, line_px)
    corner = 0.0, 0.0
    if box_xyxy_px is not None:
        x1, y1, x2, y2 = (float(value) for value in box_xyxy_px)
        corner = x1, y1
        # The box is half-open, a frame's lower right corner is its last pixel.
        right, bottom = max(x2 - 1.0, x1), max(y2 - 1.0, y1)
        around = (x1 - line_px, y1 - line_px, right + line_px, bottom + line_px)
        _frame(drawn, around, _darker(box_rgb), 3 * line_px)
        _frame(drawn, (x1, y1, right, bottom), box_rgb, line_px)
    if label:
        _label(drawn, label, corner, label_rgb if box_xyxy_px is None else box_rgb)
    return drawn


def draw_result(rgb: Array, result: Result, alpha: float = 0.2) -> Array:
    """``rgb`` (H, W, 3) uint8 with the mask, the spatial prompt's box and the status of ``result``.

    Several objects have a number each, and what several fit as well; the destination has a colour
    of its own. Where there is no mask, the corner says the status, so that a failure does not look
    like an image that was never searched.
    """
    found = result.segmentation
    mask = None if found is None else found.mask
    box = None if result.spatial is None else result.spatial.box_xyxy_px
    if found is not None and len(found.instances) > 1:
        box = None  # it is the first one's alone
    tint = MASK_RGB if result.status is Status.OK else (255, 150, 40)
    drawn = draw_overlay(
        rgb,
        mask,
        box,
        alpha,
        label=short_label(result),
        mask_rgb=tint,
        label_rgb=STATUS_RGB[result.status],
    )
    return _draw_numbered(drawn, result, alpha)


def _draw_numbered(drawn: Array, result: Result, alpha: float) -> Array:
    """The objects by number, what several fit, and the destination."""
    found = result.segmentation
    if found is not None and len(found.instances) > 1:
        for number, item in enumerate(found.instances, 1):
            label = f"{number} {item.words}".strip()
            drawn = draw_overlay(drawn, None, item.box_xyxy_px, label=label)
    if found is not None and found.destination is not None:
        place = found.destination
        colours = {"mask_rgb": DESTINATION_RGB, "box_rgb": DESTINATION_RGB}
        label = f"to: {place.words}".rstrip(": ")
        drawn = draw_overlay(drawn, place.mask, place.box_xyxy_px, alpha, label=label, **colours)
    for fits in result.candidates:
        colours = {"mask_rgb": CANDIDATE_RGB, "box_rgb": CANDIDATE_RGB}
        label = f"{fits.number} {fits.words}"
        drawn = draw_overlay(drawn, fits.mask, fits.box_xyxy_px, alpha, label=label, **colours)
    return drawn


def short_label(result: Result) -> str:
    """What the object is and the score, ``small green ball 0.93``; or how the run ended."""
    name = ""
    if result.semantic is not None:
        name = printable(result.semantic.phrase)
    if result.segmentation is None:
        return f"{result.status.name} {name}".strip()
    scored = f"{name} {result.segmentation.score:.2f}".strip()
    return scored if result.status is Status.OK else f"{result.status.name} {scored}"


def contact_sheet(
    tiles: Sequence[Tile],
    columns: int = 3,
    *,
    tile_width_px: int = 480,
    title: str = "",
) -> Array:
    """All tiles on one page, row by row, each as wide as the others and as tall as its row needs.

    Args:
        tiles: at least one.
        columns: how many stand side by side.
        tile_width_px: pictures are scaled to this width.
        title: a heading over the page; none where empty.

    Returns:
        (H, W, 3) uint8, red, green, blue.

    Raises:
        ValueError: when there is no tile, or no column.
    """
    if not tiles or columns < 1:
        raise ValueError(f"{len(tiles)} tiles in {columns} columns; expected at least one of each.")
    columns = min(columns, len(tiles))
    gap = _SHEET_TEXT_PX
    pictures = [_draw_tile(tile, tile_width_px) for tile in tiles]
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    width = columns * tile_width_px + (columns + 1) * gap
    title_font = load_font(round(1.4 * _SHEET_TEXT_PX))
    headings = _wrapped(title, title_font, width - 2 * gap) if title else []
    title_line_px = round(1.4 * _SHEET_TEXT_PX * 1.35)
    top = gap + (len(headings) * title_line_px + gap // 2 if headings else 0)
    height = top + sum(max(picture.height for picture in row) + gap for row in rows)
    sheet = Image.new("RGB", (width, height), _SHEET)
    draw = ImageDraw.Draw(sheet)
    for number, heading in enumerate(headings):
        draw.text((gap, gap + number * title_line_px), heading, _INK, title_font)
    for row in rows:
        row_height = max(picture.height for picture in row)
        for column, picture in enumerate(row):
            left = gap + column * (tile_width_px + gap)
            draw.rectangle((left, top, left + tile_width_px - 1, top + row_height - 1), _PAPER)
            sheet.paste(picture, (left, top))
        top += row_height + gap
    return np.asarray(sheet)


def _tint(drawn: Array, mask: Array, colour: Rgb, alpha: float) -> None:
    window = _window(mask)
    if window is None:
        return
    strength = min(max(alpha, 0.0), 1.0)
    part, inside = drawn[window], mask[window]
    for channel, value in enumerate(colour):
        # One value in, one value out: a table is much cheaper than the sum at every pixel.
        mixed = np.rint(np.arange(256) * (1.0 - strength) + value * strength).astype(np.uint8)
        np.copyto(part[..., channel], mixed[part[..., channel]], where=inside)


def _outline(drawn: Array, mask: Array, colour: Rgb, line_px: int) -> None:
    """A line inside the mask's edge and a darker one outside, seen on any background."""
    window = _window(mask, margin_px=line_px + 1)
    if window is None:
        return
    part = mask[window]
    inner, outer = part, part
    for _ in range(line_px):
        inner, outer = ~_grown(~inner), _grown(outer)
    drawn[window][outer & ~part] = _darker(colour)
    drawn[window][part & ~inner] = colour


def _window(mask: Array, margin_px: int = 0) -> tuple[slice, slice] | None:
    """The rows and columns that hold ``mask``, and some around it; None where it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return None
    first, last = int(rows[0]), int(rows[-1])
    columns = np.flatnonzero(mask[first : last + 1].any(axis=0))
    top, left = max(first - margin_px, 0), max(int(columns[0]) - margin_px, 0)
    return slice(top, last + margin_px + 1), slice(left, int(columns[-1]) + margin_px + 1)


def _frame(
    drawn: Array, corners: tuple[float, float, float, float], colour: Rgb, width_px: int
) -> None:
    """A frame of ``width_px`` within ``corners`` xyxy, whose pixels belong to it."""
    left, top, right, bottom = (int(value) for value in corners)
    rows, columns = _from_to(top, bottom), _from_to(left, right)
    drawn[_from_to(top, min(top + width_px - 1, bottom)), columns] = colour
    drawn[_from_to(max(bottom - width_px + 1, top), bottom), columns] = colour
    drawn[rows, _from_to(left, min(left + width_px - 1, right))] = colour
    drawn[rows, _from_to(max(right - width_px + 1, left), right)] = colour


def _from_to(first: int, last: int) -> slice:
    """From ``first`` to ``last``, both of them in it; what lies before 0 is cut off."""
    return slice(max(first, 0), max(last + 1, 0))


def _label_px(width: int, height: int) -> int:
    """The height of a label's letters on an image."""
    return max(10, round(min(width, height) / 28))


def _grown(mask: Array) -> Array:
    """``mask`` with the four neighbours of its pixels; the image's edge does not grow inwards."""
    grown: Array = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _label(drawn: Array, label: str, corner: tuple[float, float], ground: Rgb) -> None:
    """A label above ``corner``, or below it where there is no room."""
    height, width = drawn.shape[:2]
    text_px = _label_px(width, height)
    pad = max(2, text_px // 4)
    font = load_font(text_px)
    text = _fitted(label, font, width - 2 * pad)
    label_width = int(font.getlength(text)) + 2 * pad + 1
    label_height = round(1.25 * text_px) + pad + 1
    x = int(min(max(corner[0], 0.0), max(width - label_width, 0)))
    y = int(corner[1]) - label_height
    if y < 0:  # no room above: inside the box's upper edge
        y = int(min(max(corner[1], 0.0), max(height - label_height, 0)))
    # Pillow copies what it draws on, there and back: so it is given the label alone.
    image = Image.new("RGB", (label_width, label_height), ground)
    ink = (0, 0, 0) if sum(ground) > 380 else (255, 255, 255)
    ImageDraw.Draw(image).text((pad, pad // 2), text, ink, font)
    there = drawn[y : y + label_height, x : x + label_width]
    there[:] = np.asarray(image)[: there.shape[0], : there.shape[1]]


def _draw_tile(tile: Tile, width: int) -> Image.Image:
    font = load_font(_SHEET_TEXT_PX)
    line_height, pad = round(1.35 * _SHEET_TEXT_PX), _SHEET_TEXT_PX // 2
    picture = Image.fromarray(np.ascontiguousarray(tile.rgb))
    height = max(1, round(picture.height * width / picture.width))
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    header = _wrapped(tile.header, font, width - 2 * pad) if tile.header else []
    lines = [
        (line, _INK if number == 0 else _FAINT_INK)
        for number, text in enumerate(tile.lines)
        for line in _wrapped(text, font, width - 2 * pad)
    ]
    bar = len(header) * line_height + pad if header else 0
    foot = len(lines) * line_height + 2 * pad if lines else 0
    drawn = Image.new("RGB", (width, bar + height + foot), _PAPER)
    draw = ImageDraw.Draw(drawn)
    ground = (60, 66, 76) if tile.status is None else STATUS_RGB[tile.status]
    if header:
        draw.rectangle((0, 0, width, bar - 1), ground)
    for number, line in enumerate(header):
        draw.text((pad, pad // 2 + number * line_height), line, (255, 255, 255), font)
    drawn.paste(picture, (0, bar))
    for number, (line, ink) in enumerate(lines):
        draw.text((pad, bar + height + pad + number * line_height), line, ink, font)
    return drawn


def _wrapped(text: str, font: Font, width_px: int) -> list[str]:
    """``text`` in lines that are no wider than ``width_px``; a word too long is cut."""
    lines: list[str] = []
    for paragraph in _drawable(text, font).splitlines() or [""]:
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= width_px:
                line = longer
                continue
            if line:
                lines.append(line)
            line = _fitted(word, font, width_px)
        lines.append(line)
    return lines


def _fitted(text: str, font: Font, width_px: int) -> str:
    """``text`` cut with an ellipsis until it is no wider than ``width_px``."""
    text = _drawable(text, font)
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "...") > width_px:
        text = text[:-1]
    return text + "..."


def _drawable(text: str, font: Font) -> str:
    # Pillow's scalable font has no accented letters, its bitmap font raises beyond Latin-1.
    shown = printable(text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", shown) if not unicodedata.combining(c))
    if isinstance(font, ImageFont.FreeTypeFont):
        return plain
    return plain.encode("latin-1", "replace").decode("latin-1")


def _darker(colour: Rgb) -> Rgb:
    red, green, blue = (round(value * _DARKER_FACTOR) for value in colour)
    return red, green, blue


@lru_cache(maxsize=16)
def load_font(size_px: int) -> Font:
    """Pillow's own scalable font; before Pillow 10.1 DejaVu, or else the bitmap font."""
    try:
        return ImageFont.load_default(size=size_px)
    except TypeError:
        pass
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size_px)
    except OSError:
        return ImageFont.load_default()

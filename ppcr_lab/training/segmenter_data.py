"""Prompted pictures for the embedded Sam: boxes as good and bad as they come, words and points.

Most prompts are a box with noise. Some boxes are spoilt by up to half of their sides, as those of
a model are that grounds badly; beside most boxes stands what stage 1 says: the object's name, with
words left out or wrong at times, and the middle of what is seen of it. A few pictures come with
that alone, and a few with a click. Objects whose boxes show other objects come more often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from ppcr_lab.sim.geometry import foreign_share, moved_box
from ppcr_lab.sim.scene import CATEGORIES, COLOURS, SIZES
from ppcr_lab.training.photography import photographed
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX, RenderedScenes, SceneRecord
from ppcr_ros.core.boxes import covered_share
from ppcr_ros.core.types import Array
from ppcr_ros.models.segmenters.object_hint import NO_HINT, ObjectHint
from ppcr_ros.models.segmenters.region import Region

WORDS: tuple[str, ...] = (*SIZES, *COLOURS, *CATEGORIES)
"""What the Sam is taught to read."""
_FRAME_PX = (WIDTH_PX, HEIGHT_PX)
_MIN_BOX_SIDE_PX = 5.0
_LEAST_SHARE_INSIDE = 0.7
"""Of an object's box that lies in a region, for the object to be asked for there."""
_POINT_NOISE = 0.04
"""Of a point, in shares of its object's box; and half a location bin of the frame."""
_CLICK_SIDES = (0.08, 0.3)
"""Of the boxes that are tried around a click, in shares of the frame's shorter side."""


@dataclass(frozen=True)
class PromptMix:
    """Shares of the kinds of prompts that are drawn.

    Attributes:
        objects_per_image: at most.
        box_noise: the deviation of a box's centre and sides, in shares of its sides.
        spoilt: the share of boxes that are spoilt instead, by up to ``spoilt_by`` of their sides.
        spoilt_by: see there.
        region_share: of the pictures in which the region around an object is looked at.
        region_margins: of how many times its box.
        named: the share of objects whose name is told.
        placed: the share of objects whose place is told.
        clicked: the share of pictures with a point on an object, and a box of any size around it.
        boxless: the share of whole pictures with names and places and no boxes.
        crowded: how much more often an object is asked for whose box shows others.
    """

    objects_per_image: int = 4
    box_noise: float = 0.09
    spoilt: float = 0.35
    spoilt_by: float = 0.5
    region_share: float = 0.8
    region_margins: tuple[float, float] = (1.5, 4.0)
    named: float = 0.7
    placed: float = 0.65
    clicked: float = 0.08
    boxless: float = 0.04
    crowded: float = 3.0


@dataclass(frozen=True)
class PromptedImage:
    """One image and its prompts, in the pixels of the encoder's square.

    Attributes:
        rgb: (h, w, 3) float32, the resized picture, its longer side that of the square.
        boxes: (n, 4) float32, xyxy, good or bad; None where there are none.
        points: (n, 2) float32, a point on each object; None where there are none.
        hints: what is told of each of the n objects.
        masks: (n, S, S) float32, 0 or 1.
    """

    rgb: Array
    boxes: torch.Tensor | None
    points: torch.Tensor | None
    hints: tuple[ObjectHint, ...]
    masks: torch.Tensor

    def __len__(self) -> int:
        return len(self.masks)


class PromptDrawer:
    """Draws the prompts of a training.

    Args:
        mix: which.
        side_px: of the encoder's square.
    """

    def __init__(self, mix: PromptMix, side_px: int) -> None:
        self._mix, self._side_px = mix, side_px

    def learnt(self, scenes: RenderedScenes, row: int, rng: np.random.Generator) -> PromptedImage:
        """A scene as another camera may have seen it, or the region around one of its objects."""
        mix, boxes = self._mix, seen_boxes(scenes.records[row])
        rgb = photographed(scenes.rgb[row], scenes.instance[row] >= 0, rng)
        kind = rng.random()
        if boxes and kind < mix.clicked:
            return self._clicked(scenes, row, rgb, rng)
        boxless = kind < mix.clicked + mix.boxless
        region = None
        if boxes and not boxless and rng.random() < mix.region_share:
            box = boxes[self._chosen(boxes, scenes.instance[row], rng)[0]][1]
            drawn = self._drawn_box(box, rng, _FRAME_PX)
            around = ObjectHint("", self._point(box, rng)).surroundings(drawn)
            margin = float(np.exp(rng.uniform(*np.log(mix.region_margins))))
            region = _region(around, margin)
        return self._prompted(scenes, row, rgb, region, rng, boxless=boxless)

    def measured(
        self,
        scenes: RenderedScenes,
        row: int,
        region: Region | None,
        rng: np.random.Generator,
        *,
        spoilt_by: float = 0.0,
        told: bool = False,
        only: int | None = None,
    ) -> PromptedImage:
        """A scene as it is, every object or ``only`` one with a box spoilt by up to ``spoilt_by``.

        With ``told`` with its name and place.
        """
        certain = 1.0 if told else 0.0
        mix = PromptMix(99, 0.0, 1.0, spoilt_by, named=certain, placed=certain, crowded=0.0)
        drawer = PromptDrawer(mix, self._side_px)
        return drawer._prompted(scenes, row, scenes.rgb[row], region, rng, exact=True, only=only)

    def _prompted(
        self,
        scenes: RenderedScenes,
        row: int,
        rgb: Array,
        region: Region | None,
        rng: np.random.Generator,
        *,
        boxless: bool = False,
        exact: bool = False,
        only: int | None = None,
    ) -> PromptedImage:
        view = _View(scenes.instance[row], rgb, region, self._side_px)
        record = scenes.records[row]
        inside = [
            (index, box)
            for index, box in seen_boxes(record)
            if covered_share(box, view.box) >= _LEAST_SHARE_INSIDE and only in (None, index)
        ]
        chosen = self._chosen(inside, scenes.instance[row], rng)[: self._mix.objects_per_image]
        hints, boxes = [], []
        for place in chosen:
            index, box = inside[place]
            one = self._hint(record, index, box, rng, exact=exact)
            hints.append(one.seen_in(view.region).scaled(view.scale))
            boxes.append(self._drawn_box(view.of(box), rng, view.size_px))
        return PromptedImage(
            view.rgb,
            None if boxless else torch.from_numpy(np.array(boxes, np.float32).reshape(-1, 4)),
            None,
            tuple(hints),
            view.masks([inside[place][0] for place in chosen]),
        )

    def _clicked(
        self, scenes: RenderedScenes, row: int, rgb: Array, rng: np.random.Generator
    ) -> PromptedImage:
        """A point on one object, and a box of any size around it."""
        boxes = seen_boxes(scenes.records[row])
        index, box = boxes[int(rng.integers(len(boxes)))]
        rows, columns = np.nonzero(scenes.instance[row] == index)
        which = int(rng.integers(len(rows)))
        point = np.array([columns[which], rows[which]], np.float32) + 0.5
        half = rng.uniform(*_CLICK_SIDES) * HEIGHT_PX / 2
        around = np.concatenate([point - half, point + half]).astype(np.float32)
        if rng.random() < 0.4:  # the second try: the tight box of what was found
            around = noisy_box(box, rng, self._mix.box_noise, _FRAME_PX)
        around = np.clip(around, 0.0, (*_FRAME_PX, *_FRAME_PX))
        view = _View(scenes.instance[row], rgb, _region(around, 2.0), self._side_px)
        place = view.region.to_region(point) * view.scale
        return PromptedImage(
            view.rgb,
            torch.from_numpy(view.of(around)[None].astype(np.float32)),
            torch.from_numpy(place[None].astype(np.float32)),
            (NO_HINT,),
            view.masks([index]),
        )

    def _chosen(
        self, boxes: list[tuple[int, Array]], instance: Array, rng: np.random.Generator
    ) -> Array:
        """The places of ``boxes`` in the order in which they are asked for."""
        weight = np.array(
            [
                1.0 + self._mix.crowded * min(1.0, 3.0 * foreign_share(instance, index, box))
                for index, box in boxes
            ]
        )
        # Drawn without replacement, by weight (Efraimidis and Spirakis 2006).
        order: Array = np.argsort(-(rng.random(len(boxes)) ** (1.0 / weight)), kind="stable")
        return order

    def _drawn_box(
        self, box: Array, rng: np.random.Generator, size_px: tuple[float, float]
    ) -> Array:
        if rng.random() < self._mix.spoilt:
            most = self._mix.spoilt_by
            shift, grow = rng.uniform(-most, most, 2), 1.0 + rng.uniform(-most, most, 2)
            return moved_box(box, shift, grow, size_px, _MIN_BOX_SIDE_PX)
        return noisy_box(box, rng, self._mix.box_noise, size_px)

    def _hint(
        self,
        record: SceneRecord,
        index: int,
        box: Array,
        rng: np.random.Generator,
        *,
        exact: bool = False,
    ) -> ObjectHint:
        """What is told of object ``index``; its point in the frame's pixels."""
        words = ""
        if rng.random() < self._mix.named:
            words = record.names[index] if exact else _as_told(record.names[index], rng)
        return ObjectHint(words, self._point(box, rng))

    def _point(self, box: Array, rng: np.random.Generator) -> Array | None:
        """The middle of an object's box (4,), as stage 1 tells it, (2,) float32; or None."""
        if rng.random() >= self._mix.placed:
            return None
        noise = _POINT_NOISE * (box[2:] - box[:2]) * rng.normal(size=2)
        noise += np.array(_FRAME_PX) * rng.uniform(-1 / 256, 1 / 256, 2)
        return np.asarray((box[:2] + box[2:]) / 2 + noise, np.float32)


class _View:
    """A region of a frame at the size that the encoder sees, and what is where in it."""

    def __init__(self, instance: Array, rgb: Array, region: Region | None, side_px: int) -> None:
        self.region = region or Region(0, 0, WIDTH_PX, HEIGHT_PX)
        self._side_px = side_px
        width, height = side_px, round(side_px * HEIGHT_PX / WIDTH_PX)
        self.size_px = (width, height)
        self.scale = np.array(self.size_px, np.float32) / (
            self.region.width_px,
            self.region.height_px,
        )
        picture = Image.fromarray(self.region.of(rgb))
        resized = picture.resize((width, height), Image.Resampling.BILINEAR)
        self.rgb = np.array(resized, np.float32)
        shown = Image.fromarray(self.region.of(instance).astype(np.uint8))
        self._labels = np.asarray(shown.resize((width, height), Image.Resampling.NEAREST))

    @property
    def box(self) -> Array:
        """The region's box (4,) in the frame."""
        right = self.region.x_px + self.region.width_px
        low = self.region.y_px + self.region.height_px
        return np.array([self.region.x_px, self.region.y_px, right, low], np.float32)

    def of(self, box: Array) -> Array:
        """A box (4,) of the frame in the pixels of the encoder's square."""
        return np.asarray(
            (self.region.to_region(box.reshape(2, 2)) * self.scale).reshape(4), np.float32
        )

    def masks(self, indices: list[int]) -> torch.Tensor:
        """(n, S, S) float32: where each of the objects is seen."""
        height, width = self._labels.shape
        masks = np.zeros((len(indices), self._side_px, self._side_px), np.float32)
        for place, index in enumerate(indices):
            masks[place, :height, :width] = self._labels == index
        return torch.from_numpy(masks)


def _region(box: Array, margin: float) -> Region | None:
    return Region.around(box, height_px=HEIGHT_PX, width_px=WIDTH_PX, margin=margin)


def _as_told(name: str, rng: np.random.Generator) -> str:
    """An object's name with words left out, and at times a wrong one."""
    size, colour, category = name.split()
    if rng.random() < 0.06:
        colour = tuple(COLOURS)[int(rng.integers(len(COLOURS)))]
    kept = [w for w, share in ((size, 0.7), (colour, 0.85)) if rng.random() < share]
    return " ".join((*kept, category))


def seen_boxes(record: SceneRecord) -> list[tuple[int, Array]]:
    """The objects of a scene that are seen, with their boxes (4,) float32, xyxy in its pixels."""
    return [
        (index, np.array(box, np.float32))
        for index, box in enumerate(record.boxes_xyxy_px)
        if box is not None
    ]


def noisy_box(
    box: Array, rng: np.random.Generator, noise: float, size_px: tuple[float, float]
) -> Array:
    """``box`` (4,), its centre and sides disturbed by ``noise`` of its size, inside the image."""
    strength = noise * (2.5 if rng.random() < 0.15 else 1.0)
    shift, grow = rng.normal(0.0, strength, 2), np.exp(rng.normal(0.0, strength, 2))
    return moved_box(box, shift, grow, size_px, _MIN_BOX_SIDE_PX)

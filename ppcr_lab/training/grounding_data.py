"""Training tensors for ppcr-tiny: images, dense per-patch truth, and tokenised conversations.

Many conversations share one image: the image's tokens stand once, and every conversation attends
to them and to itself (a block-causal mask), at the positions that it has at inference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ppcr_lab.sim.scene import CATEGORIES, COLOURS, MAX_OBJECTS, SIZES
from ppcr_lab.training.conversations import (
    ConversationEncoder,
    PackedRows,
    TrainingConversation,
    pack,
)
from ppcr_lab.training.photography import photographed
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX, RenderedScenes, SceneRecord
from ppcr_lab.training.tiny_checkpoint import GRID, IMAGE_SIZE_PX, PATCH_SIZE_PX
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.types import Array

_MIN_PATCH_SHARE = 0.08
_CUT_SHARE = 0.4
_LEAST_CUT_PX = 120.0
_ROOM_PX = 6.0
_OBJECT_LEAD = 0.6
"""How far, on a scale of 1, a patch that shows an object goes before one that shows none."""
_FRAME_SIZE = np.array([WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX], np.float32)
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "size": SIZES,
    "colour": tuple(COLOURS),
    "category": CATEGORIES,
    "trim": ("", *COLOURS),
}
"""What the image tokens are taught to tell of their object, and its values."""


@dataclass(frozen=True)
class GroundingScenes:
    """Rendered scenes as arrays.

    Attributes:
        rgb: (n, H, W, 3) uint8, the frames.
        instance: (n, H, W) int8, the object that a pixel shows, -1 for none.
        attributes: (n, MAX_OBJECTS, 4) int64, indices into the values of `ATTRIBUTES`.
        records: the commands.
    """

    rgb: Array
    instance: Array
    attributes: Array
    records: list[SceneRecord]

    def __len__(self) -> int:
        return len(self.records)


def load_grounding_scenes(folder: Path) -> GroundingScenes:
    """Read a folder of `render_scenes`."""
    scenes = RenderedScenes.load(folder)
    attributes = np.zeros((len(scenes), MAX_OBJECTS, len(ATTRIBUTES)), np.int64)
    for row, record in enumerate(scenes.records):
        for index, words in enumerate(record.objects):
            attributes[row, index] = [
                values.index(word) for values, word in zip(ATTRIBUTES.values(), words, strict=True)
            ]
    return GroundingScenes(scenes.rgb, scenes.instance, attributes, scenes.records)


@dataclass(frozen=True)
class SquareView:
    """One scene as the model sees it: the whole frame or a part of it, squeezed to a square.

    Attributes:
        image: (S, S, 3) uint8.
        patch_object: (GRID, GRID) int8, the object that a patch shows, -1 for none.
        record: the scene's record, its boxes where they are in what is seen, as if that were the
            whole frame.
    """

    image: Array
    patch_object: Array
    record: SceneRecord

    def boxes(self) -> Array:
        """(MAX_OBJECTS, 4) float32, xyxy as shares 0..1 of what is seen; 0 where unseen."""
        boxes = np.zeros((MAX_OBJECTS, 4), np.float32)
        for index, box in enumerate(self.record.boxes_xyxy_px):
            if box is not None:
                boxes[index] = np.array(box, np.float32) / _FRAME_SIZE
        return boxes


def square_view(
    scenes: GroundingScenes, row: int, rng: np.random.Generator | None = None
) -> SquareView:
    """Return scene ``row`` as the model sees it; with ``rng`` as another camera may have seen it.

    Then the frame may be cut to a part that still holds all that is seen of all things, which
    changes distance and aspect, and the picture is changed as `photographed` does.
    """
    record = scenes.records[row]
    window = (0.0, 0.0, float(WIDTH_PX), float(HEIGHT_PX))
    if rng is not None and rng.random() < _CUT_SHARE:
        window = _window(record, rng)
        record = _seen_through(record, window)
    side = (IMAGE_SIZE_PX, IMAGE_SIZE_PX)
    picture = Image.fromarray(scenes.rgb[row])
    image = np.asarray(picture.resize(side, Image.Resampling.BICUBIC, box=window))
    labels = Image.fromarray((scenes.instance[row] + 1).astype(np.uint8))
    shown = np.asarray(labels.resize(side, Image.Resampling.NEAREST, box=window))
    if rng is not None:
        image = photographed(image, shown > 0, rng)
    return SquareView(image, _patches(shown), record)


def _window(record: SceneRecord, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return a part of the frame, xyxy in pixels, that holds every box and some room."""
    boxes = np.array([box for box in record.boxes_xyxy_px if box is not None]).reshape(-1, 4)
    if not len(boxes):
        return 0.0, 0.0, float(WIDTH_PX), float(HEIGHT_PX)
    low = np.maximum(boxes[:, :2].min(axis=0) - _ROOM_PX, 0.0)
    high = np.minimum(boxes[:, 2:].max(axis=0) + _ROOM_PX, _FRAME_SIZE[:2])
    share = rng.random(2) * rng.random()
    left, top = low * (1.0 - rng.random(2) * share)
    right, bottom = high + (_FRAME_SIZE[:2] - high) * rng.random(2) * share
    # What is close by fills the picture; it should not be blown up beyond what a camera shows.
    width, height = max(right - left, _LEAST_CUT_PX), max(bottom - top, _LEAST_CUT_PX)
    left, top = min(left, WIDTH_PX - width), min(top, HEIGHT_PX - height)
    return float(left), float(top), float(left + width), float(top + height)


def _seen_through(record: SceneRecord, window: tuple[float, float, float, float]) -> SceneRecord:
    """Return ``record`` with its boxes where they are in ``window``, stretched to the frame."""
    low = np.array([*window[:2], *window[:2]])
    size = np.array([window[2] - window[0], window[3] - window[1]] * 2)
    boxes = [
        None if box is None else ((np.array(box) - low) / size * _FRAME_SIZE).tolist()
        for box in record.boxes_xyxy_px
    ]
    return replace(record, boxes_xyxy_px=boxes)


def _patches(shown: Array) -> Array:
    """Return (GRID, GRID) int8, the object of each patch of (S, S) uint8 indices plus one."""
    kinds = MAX_OBJECTS + 1
    cell = np.arange(IMAGE_SIZE_PX) // PATCH_SIZE_PX
    where = (cell[:, None] * GRID + cell[None, :]) * kinds + shown
    counts = np.bincount(where.ravel(), minlength=GRID * GRID * kinds).reshape(GRID, GRID, kinds)
    named = counts[..., 1:]
    enough = named.max(axis=2) >= _MIN_PATCH_SHARE * PATCH_SIZE_PX**2
    return np.where(enough, named.argmax(axis=2), -1).astype(np.int8)


@dataclass(frozen=True)
class Batch:
    """B images with K rows of L tokens each, every row holding one conversation or several.

    Attributes:
        pixels: (B, 3, S, S) float32, -1..1.
        seen: (B, S) int64, the numbers of the patches that the tower looks at, in rising order.
        patch_object: (B, GRID * GRID) int64, -1 for background.
        attributes: (B, MAX_OBJECTS, 4) int64.
        boxes: (B, MAX_OBJECTS, 4) float32.
        ids: (B, K, L) int64.
        learnt: (B, K, L) bool.
        edges: (B, K, L) float32: for a location token to learn its exact place in bins; -1
            elsewhere.
        segments: (B, K, L) int64, the number of the conversation in its row; -1 for padding.
        places: (B, K, L) int64, the place in the conversation, from 0.
    """

    pixels: torch.Tensor
    seen: torch.Tensor
    patch_object: torch.Tensor
    attributes: torch.Tensor
    boxes: torch.Tensor
    ids: torch.Tensor
    learnt: torch.Tensor
    edges: torch.Tensor
    segments: torch.Tensor
    places: torch.Tensor


def _seen_patches(shown: Array, count: int, rng: np.random.Generator) -> Array:
    """Return (B, count) int64: some of the patches of (B, P) ``shown``, objects' rather."""
    if count == shown.shape[1]:
        return np.tile(np.arange(count), (len(shown), 1))
    order = rng.random(shown.shape) - _OBJECT_LEAD * (shown >= 0)
    return np.sort(order.argsort(axis=1)[:, :count], axis=1)


class BatchSampler:
    """Draws batches; a batch depends on the seed and its number alone, so a resumed run goes on.

    Raises:
        ConfigError: when there are fewer scenes than one batch takes.
    """

    def __init__(
        self,
        scenes: list[GroundingScenes],
        encoder: ConversationEncoder,
        *,
        images_per_batch: int,
        conversations_per_image: int,
        rows_per_image: int,
        seed: int,
        augment: bool = True,
    ) -> None:
        self._scenes, self._encoder = scenes, encoder
        self._offsets = np.cumsum([0] + [len(part) for part in scenes])
        if self._offsets[-1] < images_per_batch:
            raise ConfigError(
                f"there are {self._offsets[-1]} rendered scenes; expected at least "
                f"{images_per_batch}, one batch. Render more: --scenes, --val-scenes."
            )
        self._images, self._conversations = images_per_batch, conversations_per_image
        self._rows = rows_per_image
        self._seed, self._augment = seed, augment

    def batch(
        self, number: int, *, conversations: bool = True, patches: int = GRID * GRID
    ) -> Batch:
        """Batch ``number``; without ``conversations`` only what the vision tower needs.

        The tower looks at ``patches`` of each image, picked at random; those that show an object
        come first.
        """
        per_epoch = int(self._offsets[-1]) // self._images
        epoch, position = divmod(number, per_epoch)
        order = np.random.default_rng([self._seed, epoch]).permutation(int(self._offsets[-1]))
        rows = order[position * self._images : (position + 1) * self._images]
        rng = np.random.default_rng([self._seed, 1, number])
        return self._make(rows, rng, conversations, patches)

    def _make(
        self, rows: Array, rng: np.random.Generator, conversations: bool, patches: int
    ) -> Batch:
        parts = np.searchsorted(self._offsets, rows, side="right") - 1
        places = [
            (self._scenes[p], int(r - self._offsets[p])) for p, r in zip(parts, rows, strict=True)
        ]
        views = [square_view(scene, row, rng if self._augment else None) for scene, row in places]
        images = np.stack([view.image for view in views])
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        packed = [
            pack(
                self._talks(view.record, rng) if conversations else [],
                rows=self._rows if conversations else 0,
                pad=self._encoder.pad,
            )
            for view in views
        ]
        shown = np.stack([view.patch_object for view in views]).reshape(len(views), -1)
        return Batch(
            pixels=pixels,
            seen=torch.from_numpy(_seen_patches(shown, patches, rng)),
            patch_object=torch.from_numpy(shown).long(),
            attributes=torch.from_numpy(np.stack([s.attributes[r] for s, r in places])),
            boxes=torch.from_numpy(np.stack([view.boxes() for view in views])),
            **{
                name: torch.from_numpy(np.stack([getattr(rows, name) for rows in packed]))
                for name in PackedRows.__dataclass_fields__
            },
        )

    def _talks(self, record: SceneRecord, rng: np.random.Generator) -> list[TrainingConversation]:
        count = len(record.commands)
        if not count:  # a scene of which nothing can be said
            return []
        weights = np.array([self._encoder.mix.weight(command) for command in record.commands])
        picked = rng.choice(
            count,
            self._conversations,
            replace=count < self._conversations,
            p=weights / weights.sum(),
        )
        return self._encoder.encode([record.commands[int(i)] for i in picked], record, rng)

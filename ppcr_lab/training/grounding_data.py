"""Training tensors for ppcr-tiny: images, dense per-patch truth, and tokenised conversations.

Many conversations share one image: the image's tokens stand once, and every conversation attends
to them and to itself (a block-causal mask), at the positions that it has at inference.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from ppcr_lab.sim.scene import CATEGORIES, COLOURS, MAX_OBJECTS, SIZES
from ppcr_lab.training.conversations import Conversation, ConversationEncoder, PackedRows, pack
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX, RenderedScenes, SceneRecord
from ppcr_lab.training.tiny_checkpoint import GRID, IMAGE_SIZE_PX, PATCH_SIZE_PX
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.types import Array

_MIN_PATCH_SHARE = 0.08
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
        images: (n, S, S, 3) uint8, the frame squeezed to the model's square.
        patch_object: (n, GRID, GRID) int8, the object that a patch shows, -1 for none.
        attributes: (n, MAX_OBJECTS, 4) int64, indices into the values of `ATTRIBUTES`.
        boxes: (n, MAX_OBJECTS, 4) float32, xyxy as shares 0..1 of the frame.
        records: the commands.
    """

    images: Array
    patch_object: Array
    attributes: Array
    boxes: Array
    records: list[SceneRecord]

    def __len__(self) -> int:
        return len(self.records)


def load_grounding_scenes(folder: Path) -> GroundingScenes:
    """Read a folder of `render_scenes`; what is derived from it is kept beside it."""
    scenes = RenderedScenes.load(folder)
    images_path, patches_path = folder / f"square{IMAGE_SIZE_PX}.npy", folder / f"patches{GRID}.npy"
    if not patches_path.exists():
        _derive(scenes, images_path, patches_path)
    count = len(scenes)
    attributes = np.zeros((count, MAX_OBJECTS, len(ATTRIBUTES)), np.int64)
    boxes = np.zeros((count, MAX_OBJECTS, 4), np.float32)
    for row, record in enumerate(scenes.records):
        for index, words in enumerate(record.objects):
            attributes[row, index] = [
                values.index(word) for values, word in zip(ATTRIBUTES.values(), words, strict=True)
            ]
            box = record.boxes_xyxy_px[index]
            if box is not None:
                boxes[row, index] = np.array(box, np.float32) / _FRAME_SIZE
    return GroundingScenes(
        images=np.load(images_path, mmap_mode="r"),
        patch_object=np.load(patches_path),
        attributes=attributes,
        boxes=boxes,
        records=scenes.records,
    )


def _derive(scenes: RenderedScenes, images_path: Path, patches_path: Path) -> None:
    side = (IMAGE_SIZE_PX, IMAGE_SIZE_PX)
    images = np.lib.format.open_memmap(images_path, "w+", np.uint8, (len(scenes), *side, 3))
    patches = np.full((len(scenes), GRID, GRID), -1, np.int8)
    for row in tqdm(range(len(scenes)), desc="derive", mininterval=2.0):
        images[row] = Image.fromarray(scenes.rgb[row]).resize(side, Image.Resampling.BICUBIC)
        instance = np.asarray(
            Image.fromarray(scenes.instance[row].astype(np.uint8)).resize(
                side, Image.Resampling.NEAREST
            )
        ).astype(np.int8)
        blocks = instance.reshape(GRID, PATCH_SIZE_PX, GRID, PATCH_SIZE_PX)
        shares = np.stack([(blocks == k).mean(axis=(1, 3)) for k in range(MAX_OBJECTS)])
        best = shares.argmax(axis=0)
        patches[row] = np.where(shares.max(axis=0) >= _MIN_PATCH_SHARE, best, -1)
    images.flush()
    np.save(patches_path, patches)


@dataclass(frozen=True)
class Batch:
    """B images with K rows of L tokens each, every row holding one conversation or several.

    Attributes:
        pixels: (B, 3, S, S) float32, -1..1.
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
    patch_object: torch.Tensor
    attributes: torch.Tensor
    boxes: torch.Tensor
    ids: torch.Tensor
    learnt: torch.Tensor
    edges: torch.Tensor
    segments: torch.Tensor
    places: torch.Tensor


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

    def batch(self, number: int, *, conversations: bool = True) -> Batch:
        """Batch ``number``; without ``conversations`` only what the vision tower needs."""
        per_epoch = int(self._offsets[-1]) // self._images
        epoch, position = divmod(number, per_epoch)
        order = np.random.default_rng([self._seed, epoch]).permutation(int(self._offsets[-1]))
        rows = order[position * self._images : (position + 1) * self._images]
        rng = np.random.default_rng([self._seed, 1, number])
        return self._make(rows, rng, conversations)

    def _make(self, rows: Array, rng: np.random.Generator, conversations: bool) -> Batch:
        parts = np.searchsorted(self._offsets, rows, side="right") - 1
        places = [
            (self._scenes[p], int(r - self._offsets[p])) for p, r in zip(parts, rows, strict=True)
        ]
        images = np.stack([scene.images[row] for scene, row in places])
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        if self._augment:
            pixels = _jitter(pixels, rng)
        packed = [
            pack(
                self._talks(scene.records[row], rng) if conversations else [],
                rows=self._rows if conversations else 0,
                pad=self._encoder.pad,
            )
            for scene, row in places
        ]
        return Batch(
            pixels=pixels,
            patch_object=torch.from_numpy(
                np.stack([s.patch_object[r] for s, r in places]).reshape(len(places), -1)
            ).long(),
            attributes=torch.from_numpy(np.stack([s.attributes[r] for s, r in places])),
            boxes=torch.from_numpy(np.stack([s.boxes[r] for s, r in places])),
            **{
                name: torch.from_numpy(np.stack([getattr(rows, name) for rows in packed]))
                for name in PackedRows.__dataclass_fields__
            },
        )

    def _talks(self, record: SceneRecord, rng: np.random.Generator) -> list[Conversation]:
        count = len(record.commands)
        weights = np.array([self._encoder.mix.weight(command) for command in record.commands])
        picked = rng.choice(
            count,
            self._conversations,
            replace=count < self._conversations,
            p=weights / weights.sum(),
        )
        return self._encoder.encode([record.commands[int(i)] for i in picked], record, rng)


def _jitter(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Gain, offset and a little noise, as cameras differ."""
    count = len(pixels)
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (count, 1, 1, 1)).astype(np.float32))
    offset = torch.from_numpy(rng.uniform(-0.08, 0.08, (count, 1, 1, 1)).astype(np.float32))
    noise = torch.from_numpy(rng.standard_normal(pixels.shape, np.float32)).mul_(0.02)
    return pixels.mul(gain).add_(offset).add_(noise).clamp_(-1.0, 1.0)

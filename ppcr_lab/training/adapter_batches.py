"""Phase 2's data: stored prompts with the image embeddings and true masks that belong to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ppcr_lab.training.adapter_store import PromptStore, WrittenSample
from ppcr_ros.core.boxes import clip_box
from ppcr_ros.core.types import Array, Frame, SpatialPrompt
from ppcr_ros.models.segmenters.base import BoxAndPoints, EncodedFrame
from ppcr_ros.models.segmenters.object_hint import ObjectHint
from ppcr_ros.models.segmenters.prompted import PromptEncoderSegmenter

TRUTH_SIDE_PX = 512
"""True masks are compared at this size or the segmenter's own, whichever is smaller."""
STORED_BYTES = 4_000_000_000
"""Image embeddings are kept on disk where all of them together are no larger."""
EMBEDDINGS = ("auto", "stored", "computed")


@dataclass(frozen=True)
class FitSample:
    """One sample as the adapter's training takes it.

    Attributes:
        written: the command's prompts.
        encoded: the frame as the segmenter has it, on its device.
        prompts: box and points of the spatial prompt, in the pixels of what is seen.
        hint: what the semantic prompt tells the segmenter beside the box, in the same pixels.
        seen: the image embedding of what the mask decoder sees: the frame, or a region of it.
        truth: (S, S) float32 on the CPU, the share of each cell that the object covers, over the
            segmenter's padded square of what is seen.
    """

    written: WrittenSample
    encoded: EncodedFrame
    prompts: BoxAndPoints
    hint: ObjectHint
    seen: EncodedFrame
    truth: Tensor


class EmbeddedPrompts:
    """The samples of a store, split by image into those to learn from and those to measure on.

    Args:
        store: what the MLLM wrote.
        segmenter: its image encoder makes the embeddings.
        folder: where embeddings are kept, if they are; they belong to this segmenter alone.
        embeddings: ``stored``, ``computed`` (anew for every step), or ``auto``: stored where all of
            them take no more than `STORED_BYTES`.
        held_out: the share 0..1 of the images to measure on.
    """

    def __init__(
        self,
        store: PromptStore,
        segmenter: PromptEncoderSegmenter,
        folder: Path,
        *,
        embeddings: str = "auto",
        held_out: float = 0.05,
    ) -> None:
        self._store, self._segmenter, self._folder = store, segmenter, folder
        names = [store.image_name(row) for row in range(len(store))]
        limit = round(held_out * 2**32)
        # By the image's hash: all commands about one image fall on one side, in every run.
        held = [int(name[:8], 16) < limit for name in names]
        self.train_rows = [row for row, is_held in enumerate(held) if not is_held]
        self.val_rows = [row for row, is_held in enumerate(held) if is_held]
        self._images = len(set(names))
        self._stored = {"auto": None, "stored": True, "computed": False}[embeddings]
        if segmenter.looks_at_region:  # an image has as many embeddings as boxes
            self._stored = False

    def load(
        self, row: int, spoil: Callable[[Array], Array] | None = None, *, whole: bool = False
    ) -> FitSample:
        """Sample ``row`` of the store.

        With ``spoil`` its box is what that makes of it; with ``whole`` all of the frame is seen,
        as where there is no box.
        """
        written = self._store[row]
        encoded = self._encoded(written.image)
        height, width = encoded.frame_size_px
        spatial = written.spatial
        if spoil is not None:
            box = spoil(spatial.box_xyxy_px)
            if clip_box(box, width_px=width, height_px=height) is not None:
                spatial = SpatialPrompt(spatial.text, box)
        prompts = BoxAndPoints.within(spatial, height_px=height, width_px=width)
        hint = self._segmenter.hint(written.semantic, prompts, encoded.frame_size_px)
        seen, region = self._segmenter.look_at(encoded, None if whole else prompts, hint)
        mask = written.mask
        if region is not None:
            prompts, mask = prompts.seen_in(region), region.of(mask)
            hint = hint.seen_in(region)
        truth = truth_of(mask, seen, self._segmenter.input_side_px)
        return FitSample(written, encoded, prompts, hint, seen, truth)

    def _encoded(self, image: str) -> EncodedFrame:
        path = self._folder / f"{image}.safetensors"
        if self._stored is not False and path.exists():
            return _read(path, self._segmenter.device)
        encoded = self._segmenter.encode(Frame(self._store.rgb(image)))
        if self._stored is None:
            self._stored = self._images * _bytes_of(encoded) <= STORED_BYTES
        if self._stored:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(encoded, path)
        return encoded


def truth_of(mask: Array, encoded: EncodedFrame, input_side_px: int) -> Tensor:
    """The true ``mask`` (H, W) bool over the segmenter's padded square: (S, S) float32, 0..1.

    S is ``input_side_px``, at most `TRUTH_SIDE_PX`.
    """
    side = min(input_side_px, TRUTH_SIDE_PX)
    height, width = (max(round(px * side / input_side_px), 1) for px in encoded.input_size_px)
    pixels = torch.from_numpy(np.array(mask, np.float32))[None, None]
    shares = nnf.interpolate(pixels, (height, width), mode="area")
    return nnf.pad(shares, (0, side - width, 0, side - height))[0, 0]


def _levels(embedding: Any) -> list[Tensor]:
    return [embedding] if isinstance(embedding, Tensor) else list(embedding)


def _bytes_of(encoded: EncodedFrame) -> int:
    return sum(2 * level.numel() for level in _levels(encoded.embedding))


def _write(encoded: EncodedFrame, path: Path) -> None:
    facts = {
        "frame_size_px": encoded.frame_size_px,
        "input_size_px": encoded.input_size_px,
        "levels": 0 if isinstance(encoded.embedding, Tensor) else len(encoded.embedding),
    }
    tensors = {
        str(number): level.detach().to("cpu", torch.float16).contiguous()
        for number, level in enumerate(_levels(encoded.embedding))
    }
    unfinished = path.with_suffix(".part")
    save_file(tensors, unfinished, metadata={"ppcr": json.dumps(facts)})
    unfinished.rename(path)


def _read(path: Path, device: torch.device) -> EncodedFrame:
    with safe_open(path, framework="pt") as file:
        facts = json.loads(file.metadata()["ppcr"])
        levels = [
            file.get_tensor(str(number)).to(device, torch.float32)
            for number in range(max(facts["levels"], 1))
        ]
    return EncodedFrame(
        levels if facts["levels"] else levels[0],
        tuple(facts["frame_size_px"]),
        tuple(facts["input_size_px"]),
    )

"""Prompts that an MLLM wrote, on disk: what a prompt adapter learns from.

A folder of shards (safetensors, with the words as JSON in their headers), each image once as PNG,
and ``prompts.json``, which says whose prompts these are. Nothing in it can hold code.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Array, SemanticPrompt, SpatialPrompt

VERSION = 1
_HALF_MAX = float(np.finfo(np.float16).max)
_SEMANTIC_WORDS = ("text", "category", "attributes", "relations", "confidence")


class PromptStoreError(PPCRError):
    """A folder of prompts that holds something else, or is damaged."""


@dataclass(frozen=True)
class WrittenSample:
    """A command, the prompts that the MLLM wrote for it, and the truth.

    Attributes:
        sample_id: as in the data set.
        image: the name of its image in the store.
        semantic: stage 1's product, with its hidden states.
        spatial: stage 2's product, with its hidden states.
        mask: (H, W) bool, the true mask, at the image's own size.
    """

    sample_id: str
    image: str
    semantic: SemanticPrompt
    spatial: SpatialPrompt
    mask: Array


@dataclass(frozen=True)
class StoreIdentity:
    """Origin of a store's prompts: a store is only ever continued with the same.

    Attributes:
        data: the data set, as ``ppcr eval --data`` names it.
        start: the number of its first sample.
        mllm: the MLLM's family, model, revision and weights.
    """

    data: str
    start: int
    mllm: Mapping[str, str]


@dataclass(frozen=True)
class _Place:
    shard: Path
    number: int
    words: Mapping[str, Any]


class PromptStore:
    """A folder of prompts, opened to read and to continue.

    Args:
        folder: made if need be.
        identity: what it holds or is to hold; None takes what is there.

    Raises:
        PromptStoreError: when the folder holds the prompts of another MLLM or data set, or cannot
            be read.
    """

    def __init__(self, folder: Path, identity: StoreIdentity | None = None) -> None:
        self.folder = folder
        self.identity = self._identify(identity)
        self.drawn = 0
        """How many samples of the data set have been drawn, used or not."""
        self.outcomes: Counter[str] = Counter()
        """What became of them."""
        self._places: list[_Place] = []
        for path in sorted(folder.glob("shard-*.safetensors")):
            self._index(path)

    def _identify(self, wanted: StoreIdentity | None) -> StoreIdentity:
        path = self.folder / "prompts.json"
        if not path.exists():
            if wanted is None:
                raise PromptStoreError(f"{self.folder} holds no prompts; there is no {path.name}.")
            (self.folder / "images").mkdir(parents=True, exist_ok=True)
            document = {"version": VERSION, **asdict(wanted)}
            path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
            return wanted
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            version = document.pop("version")
            found = StoreIdentity(**document)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PromptStoreError(
                f"{path} cannot be read: {error!r}. Remove the folder and write the prompts again."
            ) from error
        if version != VERSION or (wanted is not None and found != wanted):
            raise PromptStoreError(
                f"{self.folder} holds the prompts of {found} (version {version}); expected {wanted}"
                f" (version {VERSION}). Choose another folder, or remove this one."
            )
        return found

    def _index(self, path: Path) -> None:
        try:
            with safe_open(path, framework="numpy") as file:
                header = json.loads(file.metadata()["ppcr"])
            self.drawn = int(header["drawn"])
            self.outcomes.update(header["outcomes"])
            words = header["samples"]
        except Exception as error:  # the library raises many kinds for a damaged file
            raise PromptStoreError(
                f"{path} cannot be read: {error!r}. Remove it and all later shards; the prompts "
                "are then written again from there on."
            ) from error
        self._places += [_Place(path, number, entry) for number, entry in enumerate(words)]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def states_width(self) -> int:
        """The width of the MLLM's hidden states; there must be a sample."""
        return int(self[0].semantic.embedding.shape[1])  # type: ignore[union-attr]

    def image_name(self, row: int) -> str:
        """The name of a sample's image, for `rgb`."""
        return str(self._places[row].words["image"])

    def rgb(self, image: str) -> Array:
        """An image (H, W, 3) uint8."""
        with Image.open(self.folder / "images" / f"{image}.png") as picture:
            return np.asarray(picture.convert("RGB"))

    def __getitem__(self, row: int) -> WrittenSample:
        place = self._places[row]
        words = dict(place.words)
        with safe_open(place.shard, framework="numpy") as file:
            tensors = {
                name: file.get_tensor(f"{place.number}.{name}")
                for name in ("semantic", "spatial", "box", "points", "labels", "mask")
            }
        semantic = {**words["semantic"]}
        for name in ("attributes", "relations"):
            semantic[name] = tuple(semantic[name])
        with Image.open(io.BytesIO(tensors["mask"].tobytes())) as picture:
            mask = np.asarray(picture.convert("1"))
        return WrittenSample(
            sample_id=words["sample_id"],
            image=words["image"],
            semantic=SemanticPrompt(**semantic, embedding=tensors["semantic"].astype(np.float32)),
            spatial=SpatialPrompt(
                **words["spatial"],
                box_xyxy_px=tensors["box"],
                points_xy_px=tensors["points"],
                point_labels=tensors["labels"],
                embedding=tensors["spatial"].astype(np.float32),
            ),
            mask=mask,
        )

    def add_image(self, rgb: Array) -> str:
        """Keep an image (H, W, 3) uint8, once however often it is added, and return its name."""
        name = hashlib.sha1(f"{rgb.shape}".encode() + rgb.tobytes()).hexdigest()
        path = self.folder / "images" / f"{name}.png"
        if not path.exists():
            unfinished = path.with_suffix(".part")
            Image.fromarray(rgb).save(unfinished, format="PNG", compress_level=1)
            unfinished.rename(path)
        return name

    def add_shard(
        self, samples: list[WrittenSample], outcomes: Mapping[str, int], drawn: int
    ) -> None:
        """Write ``samples``, and what became of all that were drawn since the last shard.

        Args:
            samples: may be empty.
            outcomes: how many samples of the shard ended how.
            drawn: how many samples of the data set have been drawn in all.
        """
        tensors: dict[str, Array] = {}
        for number, sample in enumerate(samples):
            tensors |= {f"{number}.{name}": x for name, x in _tensors(sample).items()}
        header = {
            "drawn": drawn,
            "outcomes": dict(outcomes),
            "samples": [_words(sample) for sample in samples],
        }
        number = len(list(self.folder.glob("shard-*.safetensors")))
        path = self.folder / f"shard-{number:06d}.safetensors"
        unfinished = path.with_suffix(".part")
        save_file(tensors, unfinished, metadata={"ppcr": json.dumps(header)})
        unfinished.rename(path)
        self._index(path)


def _tensors(sample: WrittenSample) -> dict[str, Array]:
    buffer = io.BytesIO()
    Image.fromarray(sample.mask).save(buffer, format="PNG")
    return {
        "semantic": _half(sample.semantic.embedding),
        "spatial": _half(sample.spatial.embedding),
        "box": sample.spatial.box_xyxy_px,
        "points": sample.spatial.points_xy_px,
        "labels": sample.spatial.point_labels,
        "mask": np.frombuffer(buffer.getvalue(), np.uint8),
    }


def _half(states: Array | None) -> Array:
    if states is None:
        return np.zeros((0, 0), np.float16)
    return np.ascontiguousarray(np.clip(states, -_HALF_MAX, _HALF_MAX).astype(np.float16))


def _words(sample: WrittenSample) -> dict[str, Any]:
    bare = replace(sample.semantic, embedding=None)
    return {
        "sample_id": sample.sample_id,
        "image": sample.image,
        "semantic": {name: getattr(bare, name) for name in _SEMANTIC_WORDS},
        "spatial": {
            "text": sample.spatial.text,
            "confidence": sample.spatial.confidence,
        },
    }

"""CLEVR-Ref+ (Liu et al., CVPR 2019) as samples: cubes, spheres and cylinders in grey light.

Below the folder lie, as in the authors' archive::

    scenes/clevr_ref+_SPLIT_scenes.json
    refexps/clevr_ref+_SPLIT_refexps.json
    images/SPLIT/CLEVR_SPLIT_000000.png

The first is ``{"scenes": [...]}``, each with ``image_index``, ``image_filename`` and ``obj_mask``;
the second ``{"refexps": [...]}``, each with ``image_index``, ``refexp`` and ``program``.
``obj_mask`` has a mask for each object's number, from 1 on, as text: lengths of runs, row by row,
of pixels that are not its own and that are, in turn. What an expression means is the ``_output`` of
the last step of its program: objects counted from 0. Several are one target: the union of their
masks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ppcr_lab.evaluation.referring_files import DataSetError, LabelledSample
from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.sim.objects import COLOURS
from ppcr_lab.sim.vocabulary import COLOUR_WORDS
from ppcr_ros.core.types import Array, Frame, Status

_COLOURS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")
_TAUGHT = {*COLOURS, *(word for words in COLOUR_WORDS.values() for word in words)}
UNTAUGHT_COLOURS = tuple(colour for colour in _COLOURS if colour not in _TAUGHT)
"""The colours of CLEVR that the tabletop's vocabulary, and so ppcr-tiny, has no word for."""


class ClevrReferring:
    """One split of CLEVR-Ref+.

    A sample's ``kind`` is ``single`` or ``multi`` by how many objects are meant, ``no_target`` for
    none, or the name of a colour of `UNTAUGHT_COLOURS` where the expression says it.

    Args:
        split: ``train`` or ``val``.
        root: the folder.
        images: the folder of the images; by default ``images/SPLIT`` in ``root``.

    Raises:
        DataSetError: when a file is missing or is not what it should be.
    """

    def __init__(self, split: str, root: Path, images: Path | None = None) -> None:
        self._name = f"clevr-ref/{split}"
        self._images = images or root / "images" / split
        scenes = _read(root / "scenes" / f"clevr_ref+_{split}_scenes.json", "scenes")
        self._expressions = _read(root / "refexps" / f"clevr_ref+_{split}_refexps.json", "refexps")
        self._scenes = {scene.get("image_index"): scene for scene in scenes}

    def __len__(self) -> int:
        return len(self._expressions)

    def samples(self, start: int, limit: int) -> Iterator[LabelledSample]:
        """Expressions ``start`` to ``start + limit``, each image read when it is asked for.

        Raises:
            DataSetError: when an image, a scene or a mask is missing or does not fit.
        """
        for number in range(start, start + limit):
            expression = self._expressions[number]
            try:
                yield self._sample(number, expression)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise DataSetError(
                    f"{self._name}: expression {number} cannot be used: "
                    f"{type(error).__name__}: {error}."
                ) from error

    def _sample(self, number: int, expression: dict[str, Any]) -> LabelledSample:
        scene = self._scenes.get(expression["image_index"])
        if scene is None:
            raise DataSetError(
                f"{self._name}: image {expression['image_index']!r} of expression {number} is not "
                "among the scenes; expected both files of the same split."
            )
        rgb = self._read(str(scene["image_filename"]))
        meant = [int(item) for item in expression["program"][-1]["_output"]]
        runs = [scene["obj_mask"][str(item + 1)] for item in meant]
        masks = [mask_of_runs(text, rgb.shape[:2]) for text in runs]
        mask = np.logical_or.reduce(masks) if masks else None
        if mask is not None and not mask.any():
            mask = None  # all that is meant is hidden
        command = str(expression["refexp"])
        return LabelledSample(
            sample_id=f"{self._name}/{expression.get('refexp_index', number)}",
            frame=Frame(rgb=rgb),
            command=command,
            kind=_kind(command, len(meant)),
            expected_status=Status.NOT_FOUND if mask is None else Status.OK,
            mask=mask,
            box_xyxy_px=None if mask is None else box_of_mask(mask),
        )

    def _read(self, name: str) -> Array:
        path = self._images / Path(name).name
        try:
            with Image.open(path) as picture:
                return np.asarray(picture.convert("RGB"))
        except (OSError, UnidentifiedImageError) as error:
            raise DataSetError(
                f"cannot read {path}: {error}. Give the folder of the images: --images."
            ) from error


def mask_of_runs(runs: str, size: tuple[int, ...]) -> Array:
    """The mask (H, W) bool of ``runs``: lengths, row by row, of not so and so in turn.

    Raises:
        ValueError: when they are not numbers, or cover more or less than the image.
    """
    lengths = [int(length) for length in runs.strip().split(",")]
    total = size[0] * size[1]
    if min(lengths) < 0 or sum(lengths) != total:
        raise ValueError(
            f"a mask's runs cover {sum(lengths)} pixels and its image has {size[1]}x{size[0]}; "
            "are these the images of this data set?"
        )
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(size[0], size[1])


def _kind(command: str, count: int) -> str:
    words = set(re.findall(r"[a-z]+", command.lower()))
    for colour in UNTAUGHT_COLOURS:
        if colour in words:
            return colour
    return "no_target" if not count else "multi" if count > 1 else "single"


def _read(path: Path, key: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataSetError(
            f"cannot read {path}: {error.strerror or error}. Expected CLEVR-Ref+ as its authors "
            "pack it: scenes/, refexps/ and images/."
        ) from error
    except ValueError as error:
        raise DataSetError(f"{path} is damaged: {error}.") from error
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataSetError(f"{path} has no list {key!r} of objects; expected CLEVR-Ref+'s.")
    return entries

"""A drawn table of four things, and models that know them: for tests of several targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ppcr_lab.scripted_dialect import SilentDialect
from ppcr_lab.scripted_models import KeywordMllm, box_masks
from ppcr_ros.core.config import Config, PipelineConfig
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import (
    Array,
    Frame,
    MaskCandidates,
    Result,
    Seen,
    SemanticPrompt,
    SpatialPrompt,
)

WIDTH, HEIGHT = 80, 60
THINGS: dict[str, tuple[int, int, int, int]] = {
    "red mug": (4, 20, 14, 30),
    "green mug": (30, 20, 40, 30),
    "blue ball": (60, 40, 68, 48),
    "white bowl": (50, 4, 70, 16),
}
_NAME_OF: dict[tuple[int, ...], str] = {box: name for name, box in THINGS.items()}


def fitting(phrase: str) -> list[str]:
    """The things of the table that ``phrase`` may mean."""
    words = set(phrase.split()) - {"the", "a", "pick", "up", "take", "hand", "me"}
    return [name for name in THINGS if words <= {*name.split(), "object"}]


@dataclass
class TableDialect(SilentDialect):
    """Knows the table; answers are the phrase itself."""

    reads_intents: bool = False
    lists: bool = False
    second_look: str = ""
    written: dict[str, SemanticPrompt] = field(default_factory=dict)
    places: dict[str, SpatialPrompt] = field(default_factory=dict)

    def semantic_turn(self, command: str) -> Turn:
        return Turn(command)

    def parse_semantic(self, answer: Answer) -> SemanticPrompt:
        if answer.text in self.written:
            return self.written[answer.text]
        found = fitting(answer.text)
        *attributes, category = (found[0] if len(found) == 1 else answer.text).split()
        return SemanticPrompt(
            answer.text,
            category,
            tuple(word for word in attributes if word not in ("the", "take")),
            confidence=0.9,
            present=bool(found),
            ambiguous=len(found) > 1,
            seen=tuple(Seen(name, *middle_of(name)) for name in found),
        )

    def candidates_turn(self, semantic: SemanticPrompt) -> Turn | None:
        return Turn(f"all {semantic.category}") if self.lists else None

    def spatial_turn(self, semantic: SemanticPrompt) -> Turn:
        return Turn(semantic.phrase)

    def parse_spatial(self, answer: Answer, *, width_px: int, height_px: int) -> SpatialPrompt:
        if answer.text in self.places:
            return self.places[answer.text]
        return boxes_of(*fitting(answer.text.removeprefix("all ")))

    def direct_turn(self, command: str) -> Turn | None:
        return Turn(command)

    def direct_all_turn(self, command: str) -> Turn | None:
        return Turn(self.second_look) if self.second_look else None

    def repair_turn(self, turn: Turn, error: str) -> Turn:
        return turn


def boxes_of(*names: str, destination: str = "") -> SpatialPrompt:
    """The spatial prompt of things of the table."""
    boxes = np.array([THINGS[name] for name in names], np.float32)
    place = np.array(THINGS[destination], np.float32) if destination else None
    return SpatialPrompt(
        "there", boxes[0], confidence=0.9, boxes_xyxy_px=boxes, destination_box_xyxy_px=place
    )


def middle_of(name: str) -> tuple[float, float]:
    """The middle of a thing, x and y in shares of the image's sides."""
    x1, y1, x2, y2 = THINGS[name]
    return (x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT


class TableSegmenter:
    """Gives the thing that the box is nearest to and touches; nothing elsewhere."""

    name = "table-segmenter"

    def encode(self, frame: Frame) -> Any:
        return None

    def segment(
        self, encoded: Any, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        assert spatial is not None
        x, y = (spatial.box_xyxy_px[:2] + spatial.box_xyxy_px[2:]) / 2
        hit = [b for b in THINGS.values() if b[0] <= x < b[2] and b[1] <= y < b[3]]
        mask = box_masks(hit or [(0, 0, 0, 0)], HEIGHT, WIDTH)
        return MaskCandidates(mask, np.array([0.9], np.float32))


def picture() -> Frame:
    """The table, seen from above."""
    rgb: Array = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(THINGS.values()):
        rgb[y1:y2, x1:x2] = 250 - 40 * number
    return Frame(rgb, stamp_ns=7, frame_id="camera")


def run(
    command: str,
    dialect: TableDialect | None = None,
    point: tuple[float, float] | None = None,
    guidance: str = "progressive",
) -> Result:
    """The result for ``command``, or for a point (x, y) in pixels, about `picture`."""
    config = Config(pipeline=PipelineConfig(guidance=guidance))
    mllm = KeywordMllm(dialect or TableDialect())
    with PPCRPipeline(mllm, TableSegmenter(), config) as pipeline:
        return pipeline.run(picture(), command, point_xy_px=point)


def names_of(result: Result) -> list[str]:
    """The things that the instances of ``result`` are."""
    found = result.segmentation
    return [] if found is None else [thing_of(item.mask) for item in found.instances]


def thing_of(mask: Array) -> str:
    """The thing that ``mask`` (H, W) bool covers exactly."""
    rows, columns = np.nonzero(mask)
    box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return _NAME_OF[tuple(int(value) for value in box)]

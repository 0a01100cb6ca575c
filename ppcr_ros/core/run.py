"""The state of one run: what has been reached and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from typing import TypeAlias

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.types import (
    Frame,
    Result,
    SemanticPrompt,
    SpatialPrompt,
    StageOutput,
    StageSeconds,
    Status,
)

OnStage: TypeAlias = Callable[[StageOutput], None]


@dataclass
class Run:
    """One run on ``frame``, until its result is whole.

    Attributes:
        frame: the image.
        result: what is known of it so far.
        on_stage: told of each stage's product.
        cancel: ends the run between two steps.
        seconds: by stage; a stage that is gone through several times counts with all of them.
        unfamiliarity: how unlike what the MLLM has learnt from the image is, above 1 unlike all
            of it; None where it does not know.
        categories: for each phrase that stage 1 was asked about the kind of object in it.
        notes: what a person must know of a result that is OK all the same.
        missing: how many of the things that were asked for were not found.
        forbids: whether something must be left alone.
        asks_for_all: whether all that fit are asked for, however many they are.
        one_look: whether another look could tell nothing more, for nothing is asked for.
    """

    frame: Frame
    result: Result
    on_stage: OnStage | None
    cancel: CancelToken
    seconds: StageSeconds = field(default_factory=StageSeconds)
    notes: list[str] = field(default_factory=list)
    missing: int = 0
    forbids: bool = False
    asks_for_all: bool = False
    one_look: bool = False
    unfamiliarity: float | None = None
    categories: dict[str, str] = field(default_factory=dict)

    def note_missing(self, note: str) -> None:
        """Say that something which was asked for was not found."""
        self.notes.append(note)
        self.missing += 1

    def take_over(self, other: Run) -> None:
        """Go on with what ``other``, a closer look at the same frame, has come to."""
        self.result, self.notes, self.missing = other.result, other.notes, other.missing
        if self.on_stage is not None:
            for product in (self.result.semantic, self.result.spatial):
                if product is not None:
                    self.on_stage(product)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the seconds within as those of stage ``name``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.seconds = added(self.seconds, StageSeconds(**{name: spent}))

    def deliver(self, output: StageOutput) -> None:
        """Keep a stage's product and hand it to the listener."""
        if isinstance(output, SemanticPrompt):
            self.result = replace(
                self.result, semantic=output, not_found_probability=output.not_found_probability
            )
        elif isinstance(output, SpatialPrompt):
            self.result = replace(self.result, spatial=output)
        else:
            self.result = replace(self.result, segmentation=output)
        if self.on_stage is not None:
            self.on_stage(output)

    def end(
        self,
        status: Status,
        message: str,
        *,
        out_of_memory: bool = False,
        mllm_unavailable: bool = False,
    ) -> None:
        """How the run ended."""
        self.result = replace(
            self.result,
            status=status,
            message=message,
            out_of_memory=out_of_memory,
            mllm_unavailable=mllm_unavailable,
        )


def added(one: StageSeconds, other: StageSeconds) -> StageSeconds:
    """The seconds of both, stage by stage."""
    return StageSeconds(*(a + b for a, b in zip(astuple(one), astuple(other), strict=True)))

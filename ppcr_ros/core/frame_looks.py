"""A command carried out on a frame: in one look, and in further ones where that leaves doubt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ppcr_ros.core.errand import Errand
from ppcr_ros.core.errors import (
    Cancelled,
    OutOfMemoryError,
    PPCRError,
    PromptParseError,
    TargetAmbiguous,
    TargetNotFound,
)
from ppcr_ros.core.interfaces import BeginsAgain, Conversation, LooksCloser
from ppcr_ros.core.located import spatial_of
from ppcr_ros.core.looks import (
    DIRECT_SHARE,
    Look,
    agreed,
    closer_window,
    enough_agree,
    forbidding,
    gathered,
    is_doubtful,
    support_of,
    two_agree,
)
from ppcr_ros.core.run import Run, added
from ppcr_ros.core.search import Search
from ppcr_ros.core.stage_parts import StageParts
from ppcr_ros.core.types import Segmentation
from ppcr_ros.core.window import Window

_LOG = logging.getLogger(__name__)


class _Picture:
    """A frame, or a part of one, and the conversations about it.

    Args:
        open_anew: begins one that reads the image.
        first: one in which nothing has been said yet, if there is one.
    """

    def __init__(
        self, open_anew: Callable[[], Conversation], first: Conversation | None = None
    ) -> None:
        self._open_anew, self._first, self._unused = open_anew, first, first is not None

    def open(self) -> Conversation:
        """Begin a conversation; the image is read again only where the model must."""
        if self._first is None:
            self._first = self._open_anew()
            return self._first
        if self._unused:
            self._unused = False
            return self._first
        again = self._first.begin_again() if isinstance(self._first, BeginsAgain) else None
        return self._open_anew() if again is None else again


class FrameLooks:
    """Takes a command through the stages, on the whole frame first.

    Args:
        parts: of the stages.
        run: the frame, and where products go.
    """

    def __init__(self, parts: StageParts, run: Run) -> None:
        self._parts, self._run = parts, run
        self._begun = run.result
        self._look_sec = 0.0
        """How long the first look took."""

    def carry_out(
        self, command: str, conversation: Conversation, point_xy_px: tuple[float, float] | None
    ) -> Segmentation:
        """Everything that ``command`` (cleaned) asks for, as `Errand.carry_out`.

        Args:
            command: the words.
            conversation: about the whole frame, in which nothing has been said.
            point_xy_px: what is pointed at, in the frame's own pixels; or None.

        Raises:
            PPCRError: as `Errand.carry_out`.
        """
        run, parts = self._run, self._parts
        picture = _Picture(lambda: parts.mllm.open(run.frame), conversation)
        started_sec = time.perf_counter()
        look = self._look(parts, run, command, picture, point_xy_px)
        self._look_sec = time.perf_counter() - started_sec
        things: Window | None = getattr(conversation, "things", None)
        if things is not None and point_xy_px is None and not run.one_look:
            look = self._look_again(look, command, picture, things)
        if look.outcome is None:
            assert look.found is not None
            return look.found
        try:
            raise look.outcome
        finally:
            del look  # it would keep this frame, the image and the conversations until Python's gc

    def _look(
        self,
        parts: StageParts,
        run: Run,
        command: str,
        picture: _Picture,
        point_xy_px: tuple[float, float] | None = None,
    ) -> Look:
        """The stages that ``parts`` has, on what ``picture`` shows."""
        search, dialect = Search(parts, run), parts.mllm.dialect
        errand = Errand(search, run, dialect, picture.open, parts.guidance, point_xy_px)
        share = 1.0 if parts is self._parts else DIRECT_SHARE
        try:
            return Look(run, errand.carry_out(command), share=share)
        except (TargetNotFound, TargetAmbiguous, PromptParseError) as outcome:
            return Look(run, outcome=outcome.with_traceback(None), share=share)

    def _look_again(self, first: Look, command: str, whole: _Picture, things: Window) -> Look:
        """What ``first`` and the looks that it takes say together; until enough of them agree."""
        looks, mllm = [first], self._parts.mllm
        sure_from = self._parts.config.pipeline.look_again_below
        if not is_doubtful(first, sure_from) or not isinstance(mllm, LooksCloser):
            return first
        for look in self._further_looks(command, whole, things, mllm):
            looks.append(look)
            if forbidding(looks) or (enough_agree(looks) and not first.run.asks_for_all):
                break
        if len(looks) == 1:
            return first
        best = forbidding(looks)
        if best is None:
            alone = self._run.forbids and not two_agree(looks)
            best = first if alone else agreed(looks)
        support = support_of(best, looks)
        if first.run.asks_for_all:
            best = _with_all_of(looks, best)
        if best is not first:
            self._run.take_over(best.run)
        self._run.result = replace(self._run.result, looks=len(looks))
        return self._scored(best, support)

    def _further_looks(
        self, command: str, whole: _Picture, things: Window, mllm: LooksCloser
    ) -> Iterator[Look]:
        """The whole frame without stage 1, then the part with the things, with it and without."""
        frame, window = self._run.frame, closer_window(things)
        direct = None if self._run.forbids else self._parts.asking_directly(command)
        ways = [(whole, direct)]
        if window is not None:
            part = _Picture(lambda: mllm.open_window(frame, window))
            ways += [(part, self._parts), (part, direct)]
        for picture, parts in ways:
            look = None if parts is None else self._further_look(parts, command, picture)
            if look is not None:
                yield look
            elif parts is not None:
                return

    def _further_look(self, parts: StageParts, command: str, picture: _Picture) -> Look | None:
        """One look more; None where there is no time for it, or where it fails."""
        run = self._run
        run.cancel.raise_if_cancelled()
        if run.cancel.remaining_sec < self._look_sec:
            return None  # a look that the time limit would end takes the first one's answer with it
        further = Run(run.frame, self._begun, None, run.cancel, categories=run.categories)
        try:
            return self._look(parts, further, command, picture)
        except (Cancelled, OutOfMemoryError):
            raise
        except PPCRError as error:  # what has been seen so far is still there
            _LOG.warning("a further look failed: %s", error)
            return None
        finally:
            run.seconds = added(run.seconds, further.seconds)

    def _scored(self, look: Look, support: float) -> Look:
        """``look`` with the chance that what several looks agree on is right."""
        run, found, calibration = self._run, look.found, self._parts.calibration
        if calibration is not None:
            what, evidence = ("absent", None) if found is None else ("found", found.evidence)
            support = calibration.of_looks(what, support, self._parts.guidance, evidence)
        if found is not None:
            return replace(look, found=replace(found, score=support))
        if type(look.outcome) is TargetNotFound:  # what is forbidden is there
            run.result = replace(run.result, not_found_probability=support)
        return look


def _with_all_of(looks: Sequence[Look], best: Look) -> Look:
    """``best`` with all that enough of ``looks`` have found, where it has found something."""
    found, spatial = best.found, best.run.result.spatial
    instances = gathered(best, looks)
    if found is None or not instances or [*map(id, instances)] == [*map(id, found.instances)]:
        return best
    if spatial is not None:
        place = spatial.destination_box_xyxy_px
        boxes = spatial_of(instances, spatial.text, spatial.confidence)
        spatial = replace(boxes, destination_box_xyxy_px=place)
    best.run.result = replace(best.run.result, spatial=spatial)
    union = Segmentation.union(instances)
    return replace(best, found=replace(union, destination=found.destination))

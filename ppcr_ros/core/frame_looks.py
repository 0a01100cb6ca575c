"""One command carried out on one frame: in one look, and in closer ones where that leaves doubt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
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
from ppcr_ros.core.interfaces import Conversation, LooksCloser
from ppcr_ros.core.looks import (
    Look,
    agreed,
    closer_windows,
    forbidding,
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
        run, frame = self._run, self._run.frame
        opened = iter([conversation])
        started_sec = time.perf_counter()
        look = self._look(
            run, command, lambda: next(opened, None) or self._parts.mllm.open(frame), point_xy_px
        )
        self._look_sec = time.perf_counter() - started_sec
        things: Window | None = getattr(conversation, "things", None)
        if things is not None and point_xy_px is None and not run.one_look:
            look = self._look_closer(look, command, things)
        if look.outcome is None:
            assert look.found is not None
            return look.found
        try:
            raise look.outcome
        finally:
            del look  # it would keep this frame, the image and the conversations until Python's gc

    def _look(
        self,
        run: Run,
        command: str,
        open_conversation: Callable[[], Conversation],
        point_xy_px: tuple[float, float] | None = None,
    ) -> Look:
        """The stages, on what the conversations are about."""
        parts = self._parts
        search, dialect = Search(parts, run), parts.mllm.dialect
        errand = Errand(search, run, dialect, open_conversation, parts.guidance, point_xy_px)
        try:
            return Look(run, errand.carry_out(command))
        except (TargetNotFound, TargetAmbiguous, PromptParseError) as outcome:
            return Look(run, outcome=outcome.with_traceback(None))

    def _look_closer(self, first: Look, command: str, things: Window) -> Look:
        """What ``first`` and the looks that it takes say together; until two of them agree."""
        looks, mllm = [first], self._parts.mllm
        sure_from = self._parts.config.pipeline.look_again_below
        if not is_doubtful(first, sure_from) or not isinstance(mllm, LooksCloser):
            return first
        for look in self._closer_looks(command, things, mllm):
            looks.append(look)
            if two_agree(looks) or forbidding(looks):
                break
        if len(looks) == 1:
            return first
        best = forbidding(looks)
        if best is None:
            alone = self._run.forbids and not two_agree(looks)
            best = first if alone else agreed(looks)
        if best is not first:
            self._run.take_over(best.run)
        self._run.result = replace(self._run.result, looks=len(looks))
        return self._scored(best, support_of(best, looks))

    def _closer_looks(self, command: str, things: Window, mllm: LooksCloser) -> Iterator[Look]:
        run = self._run
        for window in closer_windows(things):
            run.cancel.raise_if_cancelled()
            if run.cancel.remaining_sec < self._look_sec:
                return  # a look that the time limit would end takes the first one's answer with it
            closer = Run(run.frame, self._begun, None, run.cancel)

            def open_conversation(window: Window = window) -> Conversation:
                return mllm.open_window(run.frame, window)

            try:
                look = self._look(closer, command, open_conversation)
            except (Cancelled, OutOfMemoryError):
                raise
            except PPCRError as error:  # what has been seen so far is still there
                _LOG.warning("a closer look failed: %s", error)
                return
            finally:
                run.seconds = added(run.seconds, closer.seconds)
            yield look

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

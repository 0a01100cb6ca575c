"""The three stages composed: a frame and a command in, a result out."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Any

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.candidates import question_about
from ppcr_ros.core.checks import is_known
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.command import Command, clean_command, cut_notice, readable
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import (
    Cancelled,
    InvalidCommandError,
    MllmUnavailable,
    OutOfMemoryError,
    PPCRError,
    PromptParseError,
    TargetAmbiguous,
    TargetNotFound,
)
from ppcr_ros.core.frame_looks import FrameLooks
from ppcr_ros.core.grasp.grasping import with_grasp
from ppcr_ros.core.image_encoding import Encoded, Encoding, ReadFrame
from ppcr_ros.core.interfaces import Conversation, Mllm, Segmenter
from ppcr_ros.core.knowledge import UNLIKE
from ppcr_ros.core.live_config import ConfigSource, LiveConfig
from ppcr_ros.core.memory import MemoryReport, ModelMemory
from ppcr_ros.core.plain_images import plain_colour
from ppcr_ros.core.run import OnStage, Run
from ppcr_ros.core.score_floor import ScoreFloor
from ppcr_ros.core.scoring import ScoreCalibration
from ppcr_ros.core.speech import with_words
from ppcr_ros.core.stage_parts import StageParts
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import Frame, ModelNames, Result, Segmentation, Status

_LOG = logging.getLogger(__name__)

_SAY_WHICH = "Say which: its colour, its size, its place, or what it is beside."


_NO_PROBABILITIES = (
    "the engine that serves the MLLM tells no probabilities: the score is that of the mask alone"
)


class PPCRPipeline(Closing):
    """Progressive Prompt-guided Cross-modal Reasoning on one MLLM and one segmenter.

    See arXiv 2603.27993. One run at a time: the models hold state. Use it as a context manager, or
    call `close`.

    Args:
        mllm: writes both prompts.
        segmenter: makes the mask of them.
        config: the defaults where it is None; it may be replaced, through `configuration`.
        calibration: makes a probability of the masks' scores, where these models have one.
        memory: tells what the models take, and gives it back once they are dropped.
    """

    def __init__(
        self,
        mllm: Mllm,
        segmenter: Segmenter,
        config: Config | ConfigSource | None = None,
        calibration: ScoreCalibration | None = None,
        memory: ModelMemory | None = None,
    ) -> None:
        self._mllm, self._segmenter = mllm, segmenter
        self._calibration, self._memory = calibration, memory
        self.configuration = (
            LiveConfig(config) if config is None or isinstance(config, Config) else config
        )
        """What the options are read from at the start of each run."""
        self._encoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ppcr-encode")
        self.models = ModelNames(mllm=mllm.name, segmenter=segmenter.name)

    @property
    def placements(self) -> ModelNames:
        """Where both models run, such as ``cuda:0 bfloat16``; empty where a model does not say."""
        models = (self._mllm, self._segmenter)
        return ModelNames(*(str(getattr(model, "placement", "")) for model in models))

    @property
    def mllm(self) -> Mllm:
        """The model that writes both prompts."""
        return self._mllm

    @property
    def segmenter(self) -> Segmenter:
        """The model that makes the mask."""
        return self._segmenter

    def memory_report(self) -> MemoryReport | None:
        """What the models and the process take now; None for models of which it is not known."""
        return None if self._memory is None else self._memory.report()

    def read(self, frame: Frame) -> ReadFrame:
        """Have both models read ``frame`` now, so that a run on it begins with the command.

        Returns:
            What `run` takes in place of the frame, once. The answer is the same but for rounding.

        Raises:
            InvalidFrameError: when a model refuses the frame.
            OutOfMemoryError: when memory runs out; what was allocated is given back.
            PPCRError: whatever else a model says of it.
        """
        try:
            conversation, encoding = self._begin(frame, self.configuration.current)
            try:
                conversation.read_image()
                embedding, _ = encoding.result(CancelToken())
            finally:
                encoding.abandon()
        except OutOfMemoryError:
            if self._memory is not None:
                self._memory.release()
            raise
        return ReadFrame(frame, conversation, embedding, self)

    def run(
        self,
        frame: Frame | ReadFrame,
        command: str | Command,
        on_stage: OnStage | None = None,
        cancel: CancelToken | None = None,
        command_id: str = "",
        point_xy_px: tuple[float, float] | None = None,
    ) -> Result:
        """Find what ``command`` names in ``frame``.

        Args:
            frame: the camera image, or what `read` made of it.
            command: free-form words, as spoken, which are cleaned here; or a cleaned command.
            on_stage: called with each stage's product as soon as it is there.
            cancel: stops the run between two tokens when raised.
            command_id: carried into the result.
            point_xy_px: what is pointed at, in the frame's own pixels: ``this one``. With an empty
                command what lies there is segmented. None where nothing is pointed at.

        Returns:
            A result with one of the statuses; every failure of a model or of the input is a
            result with its message, and never an empty mask.
        """
        config = self.configuration.current
        max_chars = config.pipeline.max_command_chars
        image, ahead = self._take(frame)
        begun = Result(
            Status.ERROR,
            command.text
            if isinstance(command, Command)
            else readable(command, max_chars=max_chars),
            command_id=command_id,
            stamp_ns=image.stamp_ns,
            frame_id=image.frame_id,
            models=self.models,
            point_xy_px=point_xy_px,
        )
        run = Run(image, begun, on_stage, cancel or CancelToken())
        started = time.perf_counter()
        try:
            self._stages(
                run, ahead, _clean_text(command, point_xy_px, max_chars), config, point_xy_px
            )
        except TargetNotFound as outcome:
            run.end(Status.NOT_FOUND, str(outcome))
        except TargetAmbiguous as outcome:
            question = outcome.question or question_about(outcome.candidates)
            run.end(Status.AMBIGUOUS, f"{outcome} {question or _SAY_WHICH}")
            run.result = replace(
                run.result, candidates=outcome.candidates, question=question or _SAY_WHICH
            )
        except PromptParseError as error:
            run.end(Status.PARSE_FAILED, f"{error} The MLLM wrote: {error.answer!r:.200}")
        except Cancelled as outcome:
            run.end(Status.CANCELLED, str(outcome))
        except (OutOfMemoryError, MemoryError) as error:
            run.end(Status.ERROR, str(error) or "memory ran out.", out_of_memory=True)
        except MllmUnavailable as error:
            run.end(Status.ERROR, str(error), mllm_unavailable=True)
        except PPCRError as error:
            run.end(Status.ERROR, str(error))
        except Exception as error:  # noqa: BLE001 - a model may raise anything; it ends the run
            _LOG.exception("while carrying out %r", run.result.command[:80])
            run.end(Status.ERROR, f"{type(error).__name__}: {error}")
        if run.result.out_of_memory and self._memory is not None:
            self._memory.release()  # what the run had allocated, for whoever comes next
        if isinstance(command, str) and (cut := cut_notice(command, max_chars=max_chars)):
            message = f"{run.result.message} {cut}".lstrip()
            run.result = replace(run.result, message=message)
        run.result = _with_familiarity(run.result, run.unfamiliarity)
        seconds = replace(run.seconds, total=time.perf_counter() - started)
        return with_words(replace(run.result, seconds=seconds))

    def _take(self, given: Frame | ReadFrame) -> tuple[Frame, ReadFrame | None]:
        """The image, and what this pipeline has read of it for this run."""
        if isinstance(given, Frame):
            return given, None
        fresh = given.reader is self and not given.spent
        given.spent = True
        return given.frame, given if fresh else None

    def _stages(
        self,
        run: Run,
        ahead: ReadFrame | None,
        command: str,
        config: Config,
        point_xy_px: tuple[float, float] | None,
    ) -> None:
        cancel = run.cancel
        cancel.raise_if_cancelled()
        _raise_unless_in(run.frame, point_xy_px)
        _raise_where_plain(run.frame)

        encoding: Encoding | Encoded
        if ahead is not None:
            conversation, encoding = ahead.conversation, Encoded(ahead.embedding)
        else:
            conversation, encoding = self._begin(run.frame, config)

        @cache
        def embedding() -> Any:
            encoded, encode_seconds = encoding.result(run.cancel)
            run.seconds = replace(run.seconds, encode=encode_seconds)
            return encoded

        parts = StageParts(self._mllm, self._segmenter, self._calibration, config, embedding)
        try:
            segmentation = FrameLooks(parts, run).carry_out(command, conversation, point_xy_px)
            cancel.raise_if_cancelled()
        finally:
            encoding.abandon()
        calibration, evidence = self._calibration, segmentation.evidence
        calibrated = calibration is not None and calibration.covers(evidence, parts.guidance)
        floor = ScoreFloor.of(config.pipeline, is_probability=calibrated)
        run.result = replace(run.result, score_floor=floor.value)
        segmentation = _with_sure_place(segmentation, floor, run)
        run.deliver(segmentation)
        doubt = floor.doubt(segmentation.score)
        if doubt:
            run.end(Status.LOW_CONFIDENCE, "; ".join([*run.notes, doubt]))
        else:
            semantic = run.result.semantic
            if semantic is not None and not is_known(semantic.confidence):
                run.notes.append(_NO_PROBABILITIES)
            run.end(Status.OK, "; ".join(run.notes))
        run.result = with_grasp(run.result, run.frame, config.grasp)

    def _begin(self, frame: Frame, config: Config) -> tuple[Conversation, Encoding]:
        """A conversation about ``frame``, and its embedding: beside the MLLM's work or after it."""
        beside = config.pipeline.overlap_encoding == "always"
        if config.pipeline.overlap_encoding == "auto":
            beside = not self.placements.segmenter.startswith("cpu")
        conversation = self._mllm.open(frame)
        return conversation, Encoding(self._segmenter, frame, self._encoder if beside else None)

    def tracker(self, options: TrackerOptions | None = None) -> MaskTracker:
        """A tracker on this pipeline's segmenter; to be used on the thread that calls `run`."""
        return MaskTracker(self._segmenter, options)

    def close(self) -> None:
        """Wait for the encoder thread, drop the models, and give their memory back."""
        self._encoder.shutdown(wait=True)
        self.__dict__.pop("_mllm", None)
        self.__dict__.pop("_segmenter", None)
        if self._memory is not None:
            self._memory.release()


def _clean_text(
    command: str | Command, point_xy_px: tuple[float, float] | None, max_chars: int
) -> str:
    if isinstance(command, Command):
        return command.text
    if not command.strip() and point_xy_px is not None:  # a point may stand for words
        return ""
    return clean_command(command, max_chars=max_chars)


def _with_sure_place(found: Segmentation, floor: ScoreFloor, run: Run) -> Segmentation:
    """``found`` without a destination whose score is below ``floor``; a note says so."""
    place = found.destination
    if place is None or not floor.doubt(place.score):
        return found
    run.note_missing(
        f"{place.words or 'the place'} was not made out for sure (score {place.score:.2f}, "
        f"pipeline.{floor.option} is {floor.value:.2f})"
    )
    return replace(found, destination=None)


def _with_familiarity(result: Result, unfamiliarity: float | None) -> Result:
    """``result`` with how unlike what is known its image is, said where that is much."""
    if unfamiliarity is None:
        return result
    message = result.message
    if unfamiliarity > 1.0 and result.status is not Status.CANCELLED:
        message = f"{message.rstrip('.')}. {UNLIKE}" if message else UNLIKE
    return replace(result, unfamiliarity=unfamiliarity, message=message)


def _raise_unless_in(frame: Frame, point_xy_px: tuple[float, float] | None) -> None:
    if point_xy_px is None:
        return
    x, y = point_xy_px
    if not (0 <= x < frame.width_px and 0 <= y < frame.height_px):
        raise InvalidCommandError(
            f"the point ({x:g}, {y:g}) lies outside the image of {frame.width_px}x"
            f"{frame.height_px} pixels; expected one inside it, x to the right and y down."
        )


def _raise_where_plain(frame: Frame) -> None:
    """An image of one colour shows nothing; models see what they expect in it."""
    colour = plain_colour(frame.rgb)
    if colour is not None:
        raise TargetNotFound(
            f"the image is one plain {colour}: there is nothing in it. Look whether the lens is "
            "covered and the camera gets light."
        )

"""The three stages composed: a frame and a command in, a result out."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from types import TracebackType
from typing import Any

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.candidates import question_about
from ppcr_ros.core.command import clean_command, cut_notice, readable
from ppcr_ros.core.config import Config
from ppcr_ros.core.errand import Errand
from ppcr_ros.core.errors import (
    Cancelled,
    InvalidCommandError,
    OutOfMemoryError,
    PPCRError,
    PromptParseError,
    TargetAmbiguous,
    TargetNotFound,
)
from ppcr_ros.core.grasp.grasping import with_grasp
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.image_encoding import Encoded, Encoding, ReadFrame
from ppcr_ros.core.interfaces import Conversation, Mllm, Segmenter
from ppcr_ros.core.memory import MemoryReport, ModelMemory
from ppcr_ros.core.plain_images import plain_colour
from ppcr_ros.core.run import OnStage, Run
from ppcr_ros.core.scoring import ScoreCalibration
from ppcr_ros.core.search import Search
from ppcr_ros.core.speech import with_words
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import Frame, ModelNames, Result, Status

_SAY_WHICH = "Say which: its colour, its size, its place, or what it is beside."


class PPCRPipeline:
    """Progressive Prompt-guided Cross-modal Reasoning on one MLLM and one segmenter.

    See arXiv 2603.27993. One run at a time: the models hold state. Use it as a context manager, or
    call `close`.

    Args:
        mllm: writes both prompts.
        segmenter: makes the mask of them.
        config: the defaults where it is None.
        calibration: makes a probability of the masks' scores, where these models have one.
        memory: tells what the models take, and gives it back once they are dropped.
    """

    def __init__(
        self,
        mllm: Mllm,
        segmenter: Segmenter,
        config: Config | None = None,
        calibration: ScoreCalibration | None = None,
        memory: ModelMemory | None = None,
    ) -> None:
        self._mllm, self._segmenter = mllm, segmenter
        self._calibration, self._memory = calibration, memory
        self._config = config or Config()
        self._encoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ppcr-encode")
        self._ahead: ReadFrame | None = None
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

    def configure(self, config: Config) -> None:
        """Take over the options that may change at run time, from the next run on."""
        self._config = config

    def memory_report(self) -> MemoryReport | None:
        """What the models and the process take now; None for models of which it is not known."""
        return None if self._memory is None else self._memory.report()

    def read_ahead(self, frame: Frame) -> None:
        """Have both models read ``frame`` now, so that a run on it begins with the command.

        What is read is kept for the next run: it saves that run the reading where it is on this
        very object, and is dropped where it is not. The answer is the same but for rounding.

        Raises:
            InvalidFrameError: when a model refuses the frame.
            OutOfMemoryError: when memory runs out; what was allocated is given back.
            PPCRError: whatever else a model says of it.
        """
        self._ahead = None
        try:
            conversation, encoding = self._begin(frame, self._config)
            try:
                conversation.read_image()
                embedding, _ = encoding.result(CancelToken())
            finally:
                encoding.abandon()
        except OutOfMemoryError:
            if self._memory is not None:
                self._memory.release()
            raise
        self._ahead = ReadFrame(frame, conversation, embedding)

    def run(
        self,
        frame: Frame,
        command: str,
        on_stage: OnStage | None = None,
        cancel: CancelToken | None = None,
        command_id: str = "",
        point_xy_px: tuple[float, float] | None = None,
    ) -> Result:
        """Find what ``command`` names in ``frame``.

        Args:
            frame: the camera image.
            command: free-form words, as spoken; cleaned here.
            on_stage: called with each stage's product as soon as it is there.
            cancel: stops the run between two tokens when raised.
            command_id: carried into the result.
            point_xy_px: what is pointed at, in the frame's own pixels: ``this one``. With an empty
                command what lies there is segmented. None where nothing is pointed at.

        Returns:
            A result with one of the statuses; every failure of a model or of the input is a
            result with its message, and never an empty mask.
        """
        config = self._config
        begun = Result(
            Status.ERROR,
            readable(command, max_chars=config.pipeline.max_command_chars),
            command_id=command_id,
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            models=self.models,
        )
        run = Run(frame, begun, on_stage, cancel or CancelToken())
        started = time.perf_counter()
        try:
            self._stages(run, command, config, point_xy_px)
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
        except PPCRError as error:
            run.end(Status.ERROR, str(error))
        except Exception as error:  # noqa: BLE001 - a model may raise anything; it ends the run
            run.end(Status.ERROR, f"{type(error).__name__}: {error}")
        if run.result.out_of_memory and self._memory is not None:
            self._memory.release()  # what the run had allocated, for whoever comes next
        if cut := cut_notice(command, max_chars=config.pipeline.max_command_chars):
            message = f"{run.result.message} {cut}".lstrip()
            run.result = replace(run.result, message=message)
        seconds = replace(run.seconds, total=time.perf_counter() - started)
        return with_words(replace(run.result, seconds=seconds))

    def _stages(
        self,
        run: Run,
        spoken: str,
        config: Config,
        point_xy_px: tuple[float, float] | None,
    ) -> None:
        cancel = run.cancel
        command = ""
        if spoken.strip() or point_xy_px is None:  # a point may stand for words
            command = clean_command(spoken, max_chars=config.pipeline.max_command_chars)
        cancel.raise_if_cancelled()
        _raise_unless_in(run.frame, point_xy_px)
        _raise_where_plain(run.frame)

        ahead, self._ahead = self._ahead, None
        encoding: Encoding | Encoded
        if ahead is not None and ahead.frame is run.frame:
            conversation, encoding = ahead.conversation, Encoded(ahead.embedding)
        else:
            conversation, encoding = self._begin(run.frame, config)
        try:
            segmentation = self._errand(run, config, conversation, encoding, point_xy_px).carry_out(
                command
            )
            cancel.raise_if_cancelled()
        finally:
            encoding.abandon()
        run.deliver(segmentation)

        floor = config.pipeline.min_confidence
        if segmentation.score < floor:
            run.end(
                Status.LOW_CONFIDENCE,
                f"score {segmentation.score:.2f} is below pipeline.min_confidence {floor:.2f}; "
                "do not grasp. Say more about the object, or move the camera closer.",
            )
        else:
            run.end(Status.OK, "; ".join(run.notes))
        run.result = with_grasp(run.result, run.frame, config.grasp)

    def _errand(
        self,
        run: Run,
        config: Config,
        conversation: Conversation,
        encoding: Encoding | Encoded,
        point_xy_px: tuple[float, float] | None,
    ) -> Errand:
        opened = iter([conversation])

        def open_conversation() -> Conversation:
            return next(opened, None) or self._mllm.open(run.frame)

        @cache
        def embedding() -> Any:
            encoded, encode_seconds = encoding.result(run.cancel)
            run.seconds = replace(run.seconds, encode=encode_seconds)
            return encoded

        search = Search(self._mllm, self._segmenter, self._calibration, config, run, embedding)
        guidance = Guidance(config.pipeline.guidance)
        return Errand(search, run, self._mllm.dialect, open_conversation, guidance, point_xy_px)

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
        self._ahead = None
        self.__dict__.pop("_mllm", None)
        self.__dict__.pop("_segmenter", None)
        if self._memory is not None:
            self._memory.release()

    def __enter__(self) -> PPCRPipeline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


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

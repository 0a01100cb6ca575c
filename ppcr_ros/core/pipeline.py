"""The three stages composed: a frame and a command in, a result out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.command import clean_command, readable
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import (
    Cancelled,
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
from ppcr_ros.core.scoring import ScoreCalibration
from ppcr_ros.core.stages.direct import DirectGrounding
from ppcr_ros.core.stages.segmentation import InstanceSegmentation, Verifier
from ppcr_ros.core.stages.semantic import SemanticUnderstanding
from ppcr_ros.core.stages.spatial import SpatialGrounding
from ppcr_ros.core.tracking import MaskTracker, TrackerOptions
from ppcr_ros.core.types import (
    Frame,
    ModelNames,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    StageOutput,
    StageSeconds,
    Status,
)

OnStage = Callable[[StageOutput], None]

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
    ) -> Result:
        """Find what ``command`` names in ``frame``.

        Args:
            frame: the camera image.
            command: free-form words, as spoken; cleaned here.
            on_stage: called with each stage's product as soon as it is there.
            cancel: stops the run between two tokens when raised.
            command_id: carried into the result.

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
        run = _Run(frame, begun, on_stage, cancel or CancelToken())
        started = time.perf_counter()
        try:
            self._stages(run, command, config)
        except TargetNotFound as outcome:
            run.end(Status.NOT_FOUND, str(outcome))
        except TargetAmbiguous as outcome:
            run.end(Status.AMBIGUOUS, f"{outcome} {_SAY_WHICH}")
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
        seconds = replace(run.seconds, total=time.perf_counter() - started)
        return replace(run.result, seconds=seconds)

    def _stages(self, run: _Run, spoken: str, config: Config) -> None:
        cancel = run.cancel
        command = clean_command(spoken, max_chars=config.pipeline.max_command_chars)
        cancel.raise_if_cancelled()

        guidance = Guidance(config.pipeline.guidance)
        ahead, self._ahead = self._ahead, None
        encoding: Encoding | Encoded
        if ahead is not None and ahead.frame is run.frame:
            conversation, encoding = ahead.conversation, Encoded(ahead.embedding)
        else:
            conversation, encoding = self._begin(run.frame, config)
        try:
            semantic, spatial = None, None
            if guidance is not Guidance.DIRECT:
                with run.stage("semantic"):
                    semantic = self._understand(conversation, command, run, config)
                run.deliver(semantic)
                _raise_unless_one(semantic)

            if guidance is not Guidance.SEMANTIC_ONLY:
                with run.stage("spatial"):
                    spatial = self._ground(conversation, semantic or command, run, config)
                run.deliver(spatial)

            encoded, encode_seconds = encoding.result(cancel)
            run.seconds = replace(run.seconds, encode=encode_seconds)
            with run.stage("segmentation"):
                segment = InstanceSegmentation(self._segmenter, guidance, self._calibration)
                verify = None
                if semantic and guidance.verifies(config.pipeline.verify_with_mllm):
                    verify = self._verifier(conversation, semantic, run)
                segmentation = segment.run(encoded, semantic, spatial, verify)
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
            run.end(Status.OK, "")
        run.result = with_grasp(run.result, run.frame, config.grasp)

    def _begin(self, frame: Frame, config: Config) -> tuple[Conversation, Encoding]:
        """A conversation about ``frame``, and its embedding: beside the MLLM's work or after it."""
        beside = config.pipeline.overlap_encoding == "always"
        if config.pipeline.overlap_encoding == "auto":
            beside = not self.placements.segmenter.startswith("cpu")
        conversation = self._mllm.open(frame)
        return conversation, Encoding(self._segmenter, frame, self._encoder if beside else None)

    def _understand(
        self, conversation: Conversation, command: str, run: _Run, config: Config
    ) -> SemanticPrompt:
        """Stage 1."""
        stage = SemanticUnderstanding(
            self._mllm.dialect, config.mllm.max_new_tokens_semantic, config.pipeline.repair_tries
        )
        return stage.run(conversation, command, run.cancel)

    def _ground(
        self, conversation: Conversation, asked: SemanticPrompt | str, run: _Run, config: Config
    ) -> SpatialPrompt:
        """Stage 2, conditioned on stage 1's product; straight from the command where that is."""
        dialect, tries = self._mllm.dialect, config.pipeline.repair_tries
        max_new_tokens = config.mllm.max_new_tokens_spatial
        if isinstance(asked, str):
            direct = DirectGrounding(dialect, max_new_tokens, tries, self._mllm.name)
            return direct.run(conversation, asked, run.frame, run.cancel)
        stage = SpatialGrounding(dialect, max_new_tokens, tries)
        return stage.run(conversation, asked, run.frame, run.cancel)

    def _verifier(
        self, conversation: Conversation, semantic: SemanticPrompt, run: _Run
    ) -> Verifier:
        size = {"width_px": run.frame.width_px, "height_px": run.frame.height_px}

        def verify(candidate: Segmentation) -> float | None:
            turn = self._mllm.dialect.verification_turn(semantic, candidate.box_xyxy_px, **size)
            return None if turn is None else conversation.yes_probability(turn, cancel=run.cancel)

        return verify

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


def _raise_unless_one(semantic: SemanticPrompt) -> None:
    """End the run where stage 1 says that no object fits, or that several do."""
    if not semantic.present:
        doubt = f"; {semantic.doubt}" if semantic.doubt else ""
        message = f"the MLLM sees no such object: {semantic.text}{doubt}"
        raise TargetNotFound(message, semantic.text)
    if semantic.ambiguous:
        message = f"the MLLM sees several objects that fit: {semantic.text}."
        raise TargetAmbiguous(message, semantic.text)


@dataclass
class _Run:
    """The state of one run: what has been reached and how long it took."""

    frame: Frame
    result: Result
    on_stage: OnStage | None
    cancel: CancelToken
    seconds: StageSeconds = field(default_factory=StageSeconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds = replace(self.seconds, **{name: time.perf_counter() - started})

    def deliver(self, output: StageOutput) -> None:
        """Keep a stage's product and hand it to the listener."""
        if isinstance(output, SemanticPrompt):
            self.result = replace(self.result, semantic=output)
        elif isinstance(output, SpatialPrompt):
            self.result = replace(self.result, spatial=output)
        else:
            self.result = replace(self.result, segmentation=output)
        if self.on_stage is not None:
            self.on_stage(output)

    def end(self, status: Status, message: str, *, out_of_memory: bool = False) -> None:
        self.result = replace(
            self.result, status=status, message=message, out_of_memory=out_of_memory
        )

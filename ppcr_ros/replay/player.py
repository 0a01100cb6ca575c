"""Makes recorded decisions again, on the same image and words, and compares every bit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from ppcr_ros.camera.frame_converter import Arrival, FrameConverter
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import ConfigError, InvalidFrameError, ModelLoadError, PPCRError
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Result, Status
from ppcr_ros.replay.bag import BagError
from ppcr_ros.replay.bag_reader import RecordedDecision, read_bag
from ppcr_ros.replay.compare import ResultDifference, differences
from ppcr_ros.replay.info import (
    RecordInfo,
    present_info,
    recorded_config,
    setup_differences,
    weights_checksums,
)

PipelineFactory = Callable[[Config], PPCRPipeline]


_THREADS = re.compile(r"[1-9][0-9]{0,2}")


class _ModelsOfAllError(Exception):
    """The models of the person's own configuration cannot be loaded."""

    def __init__(self, cause: PPCRError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Verdict(Enum):
    """Comparison of a recorded decision with the replayed one."""

    SAME = "same"
    DIFFERS = "DIFFERS"
    NOT_COMPARED = "not compared"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True)
class Replay:
    """One recorded decision, made again.

    Attributes:
        bag: where it was recorded.
        verdict: how it compares.
        reason: why it was not compared, or could not be read; empty otherwise.
        recording: what was recorded; None where the bag cannot be read.
        replayed: how the command ends now; None where it was not run.
        frame: the image that both searched; None where there is none.
        differences: what was decided otherwise, the earliest stage first.
        setup: what differs of weights, options, packages and machine, a line each.
    """

    bag: Path
    verdict: Verdict
    reason: str = ""
    recording: RecordedDecision | None = None
    replayed: Result | None = None
    frame: Frame | None = None
    differences: tuple[ResultDifference, ...] = ()
    setup: tuple[str, ...] = ()

    def without_pictures(self) -> Replay:
        """The same without the camera's messages and the frame, which take megabytes."""
        recording = self.recording
        if recording is not None:
            recording = replace(recording, image=None, depth=None, camera_info=None)
        return replace(self, recording=recording, frame=None)


@dataclass(frozen=True)
class ReplayOptions:
    """Options of a replay that differ from what was recorded.

    Attributes:
        config: replaces the recorded configuration; the defaults where a bag has none.
        device: where both models run, whatever the configuration says.
        threads: torch's threads; the recorded number where it is None.
        image_topic: where the images are, in bags of other recorders.
        online: whether models that a bag names may be fetched from a hub; else a bag's own wish to
            is not heard.
    """

    config: Config | None = None
    device: str | None = None
    threads: int | None = None
    image_topic: str = ""
    online: bool = False


class Player(Closing):
    """Replays bags; the models are loaded once for each configuration. A context manager.

    Args:
        options: what to run with.
        factory: makes a pipeline.
    """

    def __init__(
        self,
        options: ReplayOptions,
        factory: PipelineFactory | None = None,
    ) -> None:
        self._options = options
        self._factory = factory or _build_pipeline
        self._pipeline: PPCRPipeline | None = None
        self._loaded: Config | None = None
        self._checksums: dict[Config, Mapping[str, str]] = {}
        self._unloadable: dict[Config, str] = {}

    def replay(self, bags: Iterable[Path]) -> Iterator[Replay]:
        """Every decision in ``bags``, one after the other; a bag that cannot be read is one too.

        Whatever a bag holds, the others go on: what it cannot be replayed for is told of it.

        Raises:
            PPCRError: when the models of ``options.config``, which are those of every bag, cannot
                be loaded.
        """
        for bag in bags:
            try:
                recordings = read_bag(bag, self._options.image_topic)
            except BagError as error:
                yield Replay(bag, Verdict.UNREADABLE, str(error))
                continue
            for recording in recordings:
                yield self._replay_of(recording)

    def close(self) -> None:
        """Free the models."""
        pipeline, self._pipeline, self._loaded = self._pipeline, None, None
        if pipeline is not None:
            pipeline.close()

    def _replay_of(self, recording: RecordedDecision) -> Replay:
        """The decision made again, or why that cannot be done with what the bag asks for."""
        try:
            return self._again(recording)
        except _ModelsOfAllError as error:
            raise error.cause from error
        except Exception as error:  # noqa: BLE001 - a stranger's bag ends no replay
            reason = str(error) if isinstance(error, PPCRError) else f"{error!r:.200}"
            return Replay(recording.bag, Verdict.UNREADABLE, reason, recording=recording)

    def _again(self, recording: RecordedDecision) -> Replay:
        begun = Replay(recording.bag, Verdict.NOT_COMPARED, recording=recording)
        if reason := _why_not(recording):
            return replace(begun, reason=reason)
        try:
            config, notes = self._config_for(recording)
        except ConfigError as error:
            return replace(begun, verdict=Verdict.UNREADABLE, reason=str(error))
        frame, refusal = _frame_of(recording, config)
        self._use_threads(recording.info)
        pipeline = self._pipeline_for(config)
        if frame is None:
            replayed = Result(Status.ERROR, recording.result.command, message=refusal)
        else:
            replayed = pipeline.run(
                frame,
                recording.command,
                command_id=recording.result.command_id,
                point_xy_px=recording.result.point_xy_px,
            )
        found = tuple(differences(recording.result, replayed))
        return replace(
            begun,
            verdict=Verdict.DIFFERS if found else Verdict.SAME,
            replayed=replayed,
            frame=frame,
            differences=found,
            setup=(*notes, *self._setup(recording.info, config)),
        )

    def _config_for(self, recording: RecordedDecision) -> tuple[Config, list[str]]:
        """The configuration to run with, and what must be said of it."""
        notes: list[str] = []
        config = self._options.config
        if config is None:
            config = Config()
            if recording.info is not None:
                config, unknown = recorded_config(recording.info)
                offline = not self._options.online
                config = replace(config, pipeline=replace(config.pipeline, offline=offline))
                notes = [
                    f"option {name}: recorded, and unknown to this version" for name in unknown
                ]
        device = self._options.device
        if device is not None:
            config = replace(
                config,
                mllm=replace(config.mllm, device=device),
                segmenter=replace(config.segmenter, device=device),
            )
        return config, notes

    def _pipeline_for(self, config: Config) -> PPCRPipeline:
        key = _models_of(config)
        if self._pipeline is None or self._loaded != key:
            self.close()
            self._pipeline, self._loaded = self._load(config, key), key
        self._pipeline.configuration = LiveConfig(config)
        return self._pipeline

    def _load(self, config: Config, key: Config) -> PPCRPipeline:
        if key in self._unloadable:
            raise ModelLoadError(self._unloadable[key])
        try:
            return self._factory(config)
        except PPCRError as error:
            if self._options.config is not None:
                raise _ModelsOfAllError(error) from error
            self._unloadable[key] = str(error)
            raise

    def _use_threads(self, info: RecordInfo | None) -> None:
        wanted = self._options.threads
        if wanted is None and info is not None:
            recorded = info.machine.get("torch_threads", "")
            wanted = int(recorded) if _THREADS.fullmatch(recorded) else None
        if wanted is not None:
            set_torch_threads(wanted)

    def _setup(self, info: RecordInfo | None, config: Config) -> list[str]:
        if info is None:
            return ["the bag says neither configuration nor weights: another recorder made it"]
        key = _models_of(config)
        if key not in self._checksums:
            self._checksums[key] = weights_checksums(config)
        return setup_differences(info, present_info(config, self._checksums[key]))


def _models_of(config: Config) -> Config:
    """The part of ``config`` that needs the models to be loaded anew when it changes."""
    fixed = {
        "score_calibration": config.pipeline.score_calibration,
        "offline": config.pipeline.offline,
    }
    base = Config(mllm=config.mllm, segmenter=config.segmenter)
    return replace(base, pipeline=replace(base.pipeline, **fixed))  # type: ignore[arg-type]


def _why_not(recording: RecordedDecision) -> str:
    """Why a decision cannot be made again; empty where it can."""
    result = recording.result
    if recording.tracked:
        return "the mask was tracked from an earlier image"
    if result.reply_to:
        return "it answers a question, which another bag holds"
    if result.status is Status.CANCELLED:
        return f"it was cancelled: {result.message}"
    if recording.image is None:
        return f"the bag holds no image for it: {result.message}".rstrip(": ")
    return ""


def _frame_of(recording: RecordedDecision, config: Config) -> tuple[Frame | None, str]:
    """The frame, made as the node makes it; or None and why it is refused."""
    info = recording.info
    topic = "" if info is None else info.topics.get("image", "")
    converter = FrameConverter(str, str, config.camera, config.node.max_image_pixels)
    parts = recording.image, recording.depth, recording.camera_info
    try:
        frame = converter.convert(*parts, Arrival(0.0, 0.0), topic)
    except InvalidFrameError as error:
        return None, str(error)
    return replace(frame, received_sec=None, stamp_lag_sec=None), ""


def _build_pipeline(config: Config) -> PPCRPipeline:
    from ppcr_ros.models.factory import build_pipeline

    return build_pipeline(config)


def set_torch_threads(threads: int) -> None:
    """Have torch compute on so many threads."""
    import torch

    torch.set_num_threads(threads)


@dataclass
class ReplayTally:
    """Counts of decisions by verdict."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))

    def add(self, item: Replay) -> None:
        self.counts[item.verdict] += 1

    @property
    def exit_code(self) -> int:
        """1 where a decision differs; else 2 where a bag is unreadable, or nothing was compared."""
        if self.counts[Verdict.DIFFERS]:
            return 1
        if self.counts[Verdict.UNREADABLE] or not self.counts[Verdict.SAME]:
            return 2
        return 0

    def __str__(self) -> str:
        return ", ".join(f"{count} {verdict.value}" for verdict, count in self.counts.items())

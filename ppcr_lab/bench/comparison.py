"""The pipeline and the baselines on the same frames, in turn, and whether they say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from ppcr_lab.bench.timing import Quantiles, no_collection, timed
from ppcr_ros.core.image_encoding import ReadFrame
from ppcr_ros.core.types import Array, Frame, Result

_SAME_BOX_PX, _SAME_MASK = 1.0, 0.99
WAYS = ("ppcr", "closer", "ahead", "naive", "direct")


@dataclass(frozen=True)
class Sample:
    """A frame and a command, with a name."""

    name: str
    frame: Frame
    command: str


@dataclass(frozen=True)
class AnswerDifference:
    """Difference between the answers of a baseline and of the pipeline.

    Attributes:
        sample: its name.
        what: ``semantic tokens``, ``spatial tokens``, ``direct tokens``, ``mask``, ``ending``, or
            ``read ahead`` where that is what parts the pipeline's own answers.
        ppcr: what the pipeline has.
        baseline: what the baseline has.
    """

    sample: str
    what: str
    ppcr: str
    baseline: str


@dataclass
class Comparison:
    """The times of one run and what was found unequal.

    Attributes:
        rows: for each sample that ended with a mask in the pipeline and in the naive baseline the
            seconds from the command to it, by way; the other ways where they ended with one, too.
        stages: for each stage of the pipeline the seconds of the same samples.
        tokens: how many tokens the pipeline wrote for each of them.
        n: samples that were run.
        checked: what was compared, and how often.
        differences: what was unequal.
        float32: of how many answers of the pipeline that were compared with those of PyTorch's
            float32 both are the same (`same_answer`), and how many were compared.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    tokens: list[int] = field(default_factory=list)
    n: int = 0
    checked: dict[str, int] = field(default_factory=dict)
    differences: list[AnswerDifference] = field(default_factory=list)
    float32: list[int] = field(default_factory=lambda: [0, 0])

    def check_tokens(
        self, sample: str, what: str, ours: Sequence[str], theirs: Sequence[str]
    ) -> None:
        """Note that two answers were compared, token by token, and where they part."""
        self.checked[what] = self.checked.get(what, 0) + 1
        if tuple(ours) != tuple(theirs):
            self.differences.append(AnswerDifference(sample, what, _shown(ours), _shown(theirs)))

    def check_masks(self, sample: str, ours: Array, theirs: Array) -> None:
        """Note that two sets of candidates were compared, pixel by pixel, and how far they part."""
        self.checked["mask"] = self.checked.get("mask", 0) + 1
        self._note_pixels(sample, "mask", ours, theirs)

    def check_ahead(self, sample: str, ours: Result, ahead: Result) -> None:
        """Note that the pipeline answered the same where it had read the image before."""
        self.checked["read ahead"] = self.checked.get("read ahead", 0) + 1
        answer, read_ahead = _describe_run(ours), _describe_run(ahead)
        if not same_answer(ours, ahead):
            self.differences.append(AnswerDifference(sample, "read ahead", answer, read_ahead))

    def note_float32(self, ours: Result, exact: Result) -> None:
        """Count an answer of the pipeline, and whether it is that of PyTorch's float32."""
        self.float32[0] += same_answer(ours, exact)
        self.float32[1] += 1

    def _note_pixels(self, sample: str, what: str, ours: Array, theirs: Array) -> None:
        if ours.shape != theirs.shape:
            self.differences.append(
                AnswerDifference(sample, what, str(ours.shape), str(theirs.shape))
            )
        elif (unequal := int(np.count_nonzero(ours != theirs))) > 0:
            gap = f"{unequal} of {ours.size} pixels differ"
            self.differences.append(AnswerDifference(sample, what, gap, gap))

    def quantiles(self, way: str) -> Quantiles | None:
        """Of the samples that ended with a mask this way."""
        return Quantiles.of([row[way] for row in self.rows if way in row])

    def speedup(self, baseline: str, *, of: str = "ppcr") -> float | None:
        """How many times longer a baseline takes than another way; None where none has both.

        The median over the samples of the ratio on the same sample, where both ran within the same
        second: what else the machine does comes and goes, and does to both alike.
        """
        ratios = [row[baseline] / row[of] for row in self.rows if baseline in row and of in row]
        return median(ratios) if ratios else None


@dataclass(frozen=True)
class Contestants:
    """The pipeline, and the baselines that it is compared with.

    Attributes:
        ppcr: runs the pipeline, which takes one look at each frame, as the baselines do.
        closer: runs it with further looks where one leaves doubt; None where it takes none.
        naive: runs the naive baseline; a `BaselineRun`.
        direct: runs the direct one; None where the family cannot.
        direct_tokens: the answer's tokens where the session is asked directly.
        box_masks: the candidates (n, H, W) of the pipeline's segmenter for a box alone.
        tokens_of: both answers' tokens; of a stage that is not reached none.
        read: has the pipeline read a frame before its command; None where it is not measured.
        checked: a pipeline of the same weights in PyTorch's float32, whose answers are held against
            the baselines'; None where that is ``ppcr`` itself.
        checked_read: as ``read``, of that one.
    """

    ppcr: Callable[[Frame | ReadFrame, str], Result]
    naive: Callable[[Frame, str], Any]
    direct: Callable[[Frame, str], Any] | None
    direct_tokens: Callable[[Frame, str], tuple[str, ...]]
    box_masks: Callable[[Frame, Array], Array]
    tokens_of: Callable[[Frame, str], tuple[tuple[str, ...], tuple[str, ...]]]
    closer: Callable[[Frame, str], Result] | None = None
    read: Callable[[Frame], ReadFrame] | None = None
    checked: Callable[[Frame | ReadFrame, str], Result] | None = None
    checked_read: Callable[[Frame], ReadFrame] | None = None

    @property
    def ahead(self) -> Callable[[Frame | ReadFrame, str], Result] | None:
        """The pipeline once more, on a frame that it has read."""
        return None if self.read is None else self.ppcr


def compare(
    contestants: Contestants, samples: Iterable[Sample], tick: Callable[[], None] = lambda: None
) -> Comparison:
    """Run every sample in every way, one right after the other, in an order that rotates.

    Every second time it is turned round, so that no way always follows the same one, whose leavings
    in the caches it would meet.

    The frames go without their depth: no baseline makes a grasp target of it. What is checked is
    checked outside what is timed, and so is the reading ahead: it ends before the command comes.
    ``tick`` is called after each sample.
    """
    found = Comparison()
    for number, given in enumerate(samples):
        sample = replace(given, frame=replace(given.frame, depth_m=None))
        runs = {
            way: partial(run, sample.frame, sample.command)
            for way in WAYS
            if (run := getattr(contestants, way)) is not None
        }
        names = list(runs)
        turn = number // 2 % len(names)
        order = names[turn:] + names[:turn]
        values: dict[str, Any] = {}
        seconds: dict[str, float] = {}
        with no_collection():
            for name in order[:: -1 if number % 2 else 1]:
                run = runs[name]
                if name == "ahead" and contestants.read is not None:
                    run = partial(contestants.ppcr, contestants.read(sample.frame), sample.command)
                values[name], seconds[name] = timed(run)
        _note(found, contestants, sample, values, seconds)
        tick()
    return found


def _note(
    found: Comparison,
    contestants: Contestants,
    sample: Sample,
    values: dict[str, Any],
    seconds: dict[str, float],
) -> None:
    result, naive, direct = values["ppcr"], values["naive"], values.get("direct")
    exact, read_ahead = result, values.get("ahead")
    found.n += 1
    if contestants.checked is not None:
        exact = contestants.checked(sample.frame, sample.command)
        found.note_float32(result, exact)
        if read_ahead is not None and contestants.checked_read is not None:
            frame = contestants.checked_read(sample.frame)
            read_ahead = contestants.checked(frame, sample.command)
    semantic, spatial = contestants.tokens_of(sample.frame, sample.command)
    if naive.semantic is not None:
        found.check_tokens(sample.name, "semantic tokens", semantic, naive.semantic.answer.tokens)
    if naive.spatial is not None and spatial:
        found.check_tokens(sample.name, "spatial tokens", spatial, naive.spatial.answer.tokens)
    if direct is not None and direct.spatial is not None:
        ours = contestants.direct_tokens(sample.frame, sample.command)
        found.check_tokens(sample.name, "direct tokens", ours, direct.spatial.answer.tokens)
    if read_ahead is not None:
        found.check_ahead(sample.name, exact, read_ahead)
        if values["ahead"].segmentation is None:
            seconds.pop("ahead")
    ended = exact.segmentation is not None, naive.masks is not None
    found.checked["ending"] = found.checked.get("ending", 0) + 1
    if ended[0] != ended[1]:
        endings = (exact.message or exact.status.name), (naive.problem or "a mask")
        found.differences.append(AnswerDifference(sample.name, "ending", *endings))
    if not all(ended) or result.segmentation is None:
        return
    ours_of_box = contestants.box_masks(sample.frame, naive.box_xyxy_px)
    found.check_masks(sample.name, ours_of_box, naive.masks)
    if direct is None or direct.masks is None:
        seconds.pop("direct", None)
    if "closer" in values and values["closer"].segmentation is None:
        seconds.pop("closer")
    found.rows.append(seconds)
    for stage in ("semantic", "spatial", "encode", "segmentation"):
        found.stages.setdefault(stage, []).append(getattr(result.seconds, stage))
    found.tokens.append(len(semantic) + len(spatial))


def same_answer(one: Result, other: Result) -> bool:
    """Whether two runs ended alike: status, boxes within a pixel, masks that share 99 % of both."""
    if one.status != other.status:
        return False
    if one.spatial is not None and other.spatial is not None:
        apart = np.abs(one.spatial.box_xyxy_px - other.spatial.box_xyxy_px).max()
        if apart > _SAME_BOX_PX:
            return False
    if one.segmentation is None or other.segmentation is None:
        return one.segmentation is other.segmentation
    masks = one.segmentation.mask, other.segmentation.mask
    both, either = np.logical_and(*masks).sum(), np.logical_or(*masks).sum()
    return bool(both >= _SAME_MASK * either)


def _shown(tokens: Sequence[str]) -> str:
    return "|".join(tokens)[:200]


def _describe_run(result: Result) -> str:
    """How a run ended and what both prompts say, for a comparison."""
    semantic = "" if result.semantic is None else result.semantic.text
    spatial, box = "", []
    if result.spatial is not None:
        spatial, box = result.spatial.text, result.spatial.box_xyxy_px.tolist()
    return f"{result.status.name}: {semantic!r}, {spatial!r} {box}"[:200]

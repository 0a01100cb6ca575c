"""One command's objects, each taken through the stages: the targets, and where they are to go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ppcr_ros.core.boxes import box_iou, covered_share
from ppcr_ros.core.candidates import numbered
from ppcr_ros.core.errors import PromptParseError, TargetAmbiguous, TargetNotFound
from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.interfaces import Conversation, PhraseSegmenter, TellsKinds, Turn
from ppcr_ros.core.knowledge import Knowledge
from ppcr_ros.core.located import LocatedPhrase, boxes_of_seen, spatial_of
from ppcr_ros.core.run import Run
from ppcr_ros.core.stage_parts import StageParts
from ppcr_ros.core.stages.asking import AnswerLimits, ask_until_read
from ppcr_ros.core.stages.direct import ground_directly
from ppcr_ros.core.stages.pointing import mask_at_point
from ppcr_ros.core.stages.segmentation import Verifier, segment_instance
from ppcr_ros.core.stages.semantic import understand
from ppcr_ros.core.stages.spatial import ground
from ppcr_ros.core.types import (
    Array,
    Instance,
    Seen,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
)
from ppcr_ros.core.window import WHOLE_FRAME

_SAME_OBJECT = 0.7
"""Boxes that overlap so far, or of which one holds so much of the other, are of one object."""


class Search:
    """The stages of one run, on one frame, as often as the command names something.

    Args:
        parts: of the stages.
        run: the frame, and where products go.
    """

    def __init__(self, parts: StageParts, run: Run) -> None:
        self._mllm, self._segmenter = parts.mllm, parts.segmenter
        self._calibration, self._config = parts.calibration, parts.config
        self._embedding, self._guidance, self._run = parts.embedding, parts.guidance, run

    def locate(
        self,
        conversation: Conversation,
        phrase: str,
        understood: Callable[[SemanticPrompt], SemanticPrompt] = lambda semantic: semantic,
        *,
        every: bool = False,
    ) -> LocatedPhrase:
        """Stages 1 and 2 for ``phrase``.

        Args:
            conversation: about the frame, in which nothing has been said.
            phrase: the command, or the words in it for one kind of object.
            understood: told of stage 1's product as soon as it is there; what it gives back goes on
                to stage 2. It may end the run.
            every: whether all that fits is asked for; stage 1's product says so too, where it is.

        Raises:
            TargetNotFound: when the MLLM says that the object is not there.
            TargetAmbiguous: when several objects fit and one is asked for, with the candidates.
            PromptParseError: when an answer cannot be read.
            Cancelled: when the run was cancelled.
        """
        semantic, spatial = None, None
        if self._guidance is not Guidance.DIRECT:
            with self._run.stage("semantic"):
                semantic = self._understand(conversation, phrase)
            self._run.categories.setdefault(phrase, semantic.category)
            semantic = understood(semantic)
            _raise_unless_present(semantic)
            if semantic.ambiguous and not semantic.several:
                raise self.several_fit(semantic, self.all_of(conversation, semantic))
            if semantic.ambiguous and semantic.seen:
                seen = self.all_of(conversation, semantic)
                if seen:
                    spatial = spatial_of(seen, semantic.text, semantic.confidence)
                    return LocatedPhrase(semantic, spatial, conversation, seen=tuple(seen))
        if self._guidance is not Guidance.SEMANTIC_ONLY:
            with self._run.stage("spatial"):
                spatial = self._ground(conversation, semantic or phrase, every=every)
        category = self._run.categories.get(phrase, "")
        return LocatedPhrase(semantic, spatial, conversation, category)

    def one_of(self, located: LocatedPhrase) -> Instance:
        """The one object that ``located`` is about.

        Raises:
            TargetAmbiguous: when stage 2 has several boxes, with the candidates.
            SegmentationError: when the segmenter cannot work from the prompts.
            TargetNotFound: when it finds nothing there.
        """
        instances = self.masks_of(located)
        if len(instances) > 1:
            raise self.several_fit(located.semantic, instances)
        return instances[0]

    def masks_of(self, located: LocatedPhrase) -> list[Instance]:
        """Every object that ``located`` is about, in the order of its boxes, each object once.

        Raises:
            SegmentationError: when the segmenter cannot work from the prompts.
            TargetNotFound: when it finds nothing there.
        """
        spatial = located.spatial
        if located.seen:
            return list(located.seen)
        if spatial is None:
            return [_instance(self._segment(located, None), "")]
        found = self._all_by_phrase(located.semantic)
        for number in range(len(spatial.boxes_xyxy_px)):
            alone = spatial.of_box(number)
            if any(_same_object(alone.box_xyxy_px, other) for other in found):
                continue
            words = alone.box_words[0] if alone.box_words else ""
            found.append(_instance(self._segment(located, alone), words))
        return found

    def _all_by_phrase(self, semantic: SemanticPrompt | None) -> list[Instance]:
        """All that the segmenter finds by itself, where all of a kind are asked for."""
        segmenter = self._segmenter
        if semantic is None or semantic.quantity is not None or semantic.relations:
            return []
        if semantic.targets or not isinstance(segmenter, PhraseSegmenter):
            return []
        encoded = self._embedding()
        try:
            with self._run.stage("segmentation"):
                candidates = segmenter.segment_phrase(encoded, semantic)
        except TargetNotFound:
            return []
        found: list[Instance] = []
        for mask, score in zip(candidates.masks, candidates.scores, strict=True):
            if mask.any():
                item = _instance(Segmentation.from_mask(mask, float(score)), "")
                if not any(_same_object(item.box_xyxy_px, other) for other in found):
                    found.append(item)
        return found

    def all_of(self, conversation: Conversation, semantic: SemanticPrompt) -> list[Instance]:
        """Every object that fits ``semantic``, as far as the MLLM tells them; may be empty."""
        turn = self._mllm.dialect.candidates_turn(semantic)
        spatial = None if turn is None else self._boxes_of_all(conversation, turn, semantic)
        if spatial is None:
            return [found for item in semantic.seen if (found := self._instance_at(item))]
        return self.masks_of(LocatedPhrase(semantic, spatial, conversation))

    def _boxes_of_all(
        self, conversation: Conversation, turn: Turn, semantic: SemanticPrompt
    ) -> SpatialPrompt | None:
        """Stage 2's boxes of the several that stage 1 has seen; None where it has none for them."""
        frame, dialect = self._run.frame, self._mllm.dialect
        try:
            with self._run.stage("spatial"):
                spatial = ask_until_read(
                    conversation,
                    turn,
                    read=lambda answer: dialect.parse_spatial(
                        answer, width_px=frame.width_px, height_px=frame.height_px
                    ),
                    repair_turn=dialect.repair_turn,
                    limits=self._limits(4 * self._config.mllm.max_new_tokens_spatial),
                    cancel=self._run.cancel,
                )
        except (PromptParseError, TargetNotFound, TargetAmbiguous):
            if semantic.seen:
                return None
            raise
        size_px = frame.width_px, frame.height_px
        return boxes_of_seen(spatial, semantic.seen, size_px) if semantic.seen else spatial

    def overlooked(
        self,
        conversation: Conversation,
        phrase: str,
        semantic: SemanticPrompt,
        found: Sequence[Instance],
    ) -> list[Instance]:
        """More objects that ``phrase`` fits, for which the MLLM is asked without a stage 1.

        What one way of asking overlooks the other may see. It also sees what is not there, so that
        it is for where a person has said that there are more.

        Args:
            conversation: about the frame, in which nothing has been said.
            phrase: the words for one kind of object.
            semantic: stage 1's product for it.
            found: the objects that are known.
        """
        if self._mllm.dialect.direct_all_turn(phrase) is None:
            return []
        try:
            with self._run.stage("spatial"):
                spatial = self._ground(conversation, phrase, every=True)
        except (PromptParseError, TargetNotFound, TargetAmbiguous):
            return []
        more: list[Instance] = []
        for number in range(len(spatial.boxes_xyxy_px)):
            alone = spatial.of_box(number)
            known = (*found, *more)
            if any(_same_object(alone.box_xyxy_px, item) for item in known):
                continue
            nameless = LocatedPhrase(replace(semantic, seen=()), alone, conversation)
            more.append(_instance(self._segment(nameless, alone), ""))
        return more

    def at_point(self, point_xy_px: tuple[float, float], words: str = "") -> Instance | None:
        """The object at a point of the frame; None where nothing there is one."""
        frame, encoded = self._run.frame, self._embedding()
        with self._run.stage("segmentation"):
            found = mask_at_point(
                self._segmenter, encoded, point_xy_px, (frame.width_px, frame.height_px)
            )
        return None if found is None else _instance(found, words)

    def _instance_at(self, item: Seen) -> Instance | None:
        frame = self._run.frame
        point = item.x_share * frame.width_px, item.y_share * frame.height_px
        return self.at_point(point, item.words)

    def several_fit(
        self, semantic: SemanticPrompt | None, instances: list[Instance]
    ) -> TargetAmbiguous:
        """What ends a run in which more objects fit than are asked for."""
        frame = self._run.frame
        text = "" if semantic is None else semantic.text
        named = [replace(i, words=i.words or _name_of(semantic)) for i in instances]
        candidates = numbered(named, frame.width_px, frame.height_px)
        suffix = f": {text}" if text else ""
        return TargetAmbiguous(
            f"the MLLM sees several objects that fit{suffix}.", text, candidates=candidates
        )

    def _segment(self, located: LocatedPhrase, spatial: SpatialPrompt | None) -> Segmentation:
        """Stage 3 for one object."""
        encoded, semantic = self._embedding(), located.semantic
        with self._run.stage("segmentation"):
            verify = None
            if semantic and self._guidance.verifies(self._config.pipeline.verify_with_mllm):
                verify = self._verifier(located.conversation, semantic)
            return segment_instance(
                self._segmenter,
                encoded,
                semantic,
                spatial,
                guidance=self._guidance,
                calibration=self._calibration,
                verify=verify,
                kind=self._kind_probability(located, spatial),
            )

    def _kind_probability(
        self, located: LocatedPhrase, spatial: SpatialPrompt | None
    ) -> float | None:
        """The chance that what lies in the box is of the kind that it is called by, where the
        MLLM's image tokens tell."""
        frame = self._run.frame
        if spatial is None or not isinstance(located.conversation, TellsKinds):
            return None
        semantic = located.semantic
        category = located.category if semantic is None else semantic.category
        size = (frame.width_px, frame.height_px, frame.width_px, frame.height_px)
        return located.conversation.kind_probability(category, spatial.box_xyxy_px / size)

    def _understand(self, conversation: Conversation, phrase: str) -> SemanticPrompt:
        """Stage 1."""
        limits = self._limits(self._config.mllm.max_new_tokens_semantic)
        semantic = understand(self._mllm.dialect, conversation, phrase, limits, self._run.cancel)
        return self._judge_absence(semantic, conversation)

    def _judge_absence(
        self, semantic: SemanticPrompt, conversation: Conversation
    ) -> SemanticPrompt:
        """``semantic`` with how likely it is that nothing fits, as the model knows itself."""
        unlike: float | None = getattr(conversation, "unfamiliarity", None)
        knowledge: Knowledge | None = getattr(self._mllm, "knowledge", None)
        self._run.unfamiliarity = unlike
        if knowledge is None:
            return replace(semantic, not_found_probability=None)
        return replace(semantic, not_found_probability=knowledge.judge(semantic, unlike))

    def _ground(
        self, conversation: Conversation, asked: SemanticPrompt | str, *, every: bool
    ) -> SpatialPrompt:
        """Stage 2, conditioned on stage 1's product; straight from the words where that is."""
        dialect, frame, cancel = self._mllm.dialect, self._run.frame, self._run.cancel
        max_new_tokens = self._config.mllm.max_new_tokens_spatial
        if isinstance(asked, str):
            limits, name = self._limits(max_new_tokens * (4 if every else 1)), self._mllm.name
            return ground_directly(
                dialect, conversation, asked, frame, limits, cancel, every=every, mllm_name=name
            )
        if asked.several or asked.destination:
            max_new_tokens *= 4  # a box more for each
        return ground(dialect, conversation, asked, frame, self._limits(max_new_tokens), cancel)

    def _limits(self, max_new_tokens: int) -> AnswerLimits:
        return AnswerLimits(max_new_tokens, self._config.pipeline.repair_tries)

    def _verifier(self, conversation: Conversation, semantic: SemanticPrompt) -> Verifier:
        run = self._run
        frame, window = run.frame, getattr(conversation, "window", WHOLE_FRAME)
        size = {"width_px": frame.width_px, "height_px": frame.height_px}
        scale = np.array([frame.width_px, frame.height_px] * 2)

        def verify(candidate: Segmentation) -> float | None:
            box = window.in_window(candidate.box_xyxy_px / scale) * scale
            turn = self._mllm.dialect.verification_turn(semantic, box, **size)
            return None if turn is None else conversation.yes_probability(turn, cancel=run.cancel)

        return verify


def _raise_unless_present(semantic: SemanticPrompt) -> None:
    """End the run where stage 1 says that no object fits."""
    if not semantic.present:
        doubt = f"; {semantic.doubt}" if semantic.doubt else ""
        message = f"the MLLM sees no such object: {semantic.text}{doubt}"
        raise TargetNotFound(message, semantic.text)


def _instance(found: Segmentation, words: str) -> Instance:
    return replace(found.instances[0], words=words)


def _same_object(box: Array, other: Instance) -> bool:
    """Whether ``box`` (4,) is of an object that has been found already."""
    there = other.box_xyxy_px
    overlap = max(box_iou(box, there), covered_share(box, there), covered_share(there, box))
    return overlap >= _SAME_OBJECT


def _name_of(semantic: SemanticPrompt | None) -> str:
    return "" if semantic is None else semantic.phrase

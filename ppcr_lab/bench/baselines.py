"""Baselines of the comparison: the same models, used as their model cards show.

*Naive*: one ``generate()`` for the semantic prompt; then a second one whose conversation is
rendered anew, with the image again; then a SAM predictor. *Direct*: one ``generate()`` for the box,
then the predictor. Both run the very weights that the pipeline runs, with the same prompts and
greedily.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image

from ppcr_ros.core.command import clean_command
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.types import Array, Frame, SemanticPrompt
from ppcr_ros.models.mllm.session import TransformersMllm
from ppcr_ros.models.mllm.tokens import decode_pieces
from ppcr_ros.models.segmenters.object_hint import NO_HINT
from ppcr_ros.models.segmenters.prompt_words import hint_tokens
from ppcr_ros.models.segmenters.region import Region


class BoxPredictor(Protocol):
    """A segmenter as its library offers it."""

    name: str

    def masks(self, rgb: Array, box_xyxy_px: Array) -> Array:
        """(n, H, W) bool, the candidates for a box in ``rgb`` (H, W, 3) uint8."""
        ...


@dataclass(frozen=True)
class Generated:
    """One answer of ``generate()``.

    Attributes:
        ids: the tokens, without the one that ended the answer.
        text: them as text.
        answer: as a dialect reads it; its probabilities are all 1.
    """

    ids: tuple[int, ...]
    text: str
    answer: Answer


@dataclass(frozen=True)
class BaselineRun:
    """Answers of a baseline; None where it did not get so far.

    Attributes:
        semantic: the first stage's answer.
        spatial: the answer that has the box.
        box_xyxy_px: (4,) float32, in the frame's pixels.
        masks: (n, H, W) bool, the predictor's candidates.
        problem: why there is no mask.
    """

    semantic: Generated | None = None
    spatial: Generated | None = None
    box_xyxy_px: Array | None = None
    masks: Array | None = None
    problem: str = ""


class Generator:
    """Processor, ``generate()`` and decoding: what a model card's example does."""

    def __init__(self, mllm: TransformersMllm) -> None:
        self._mllm, self._model = mllm, mllm.engine.model

    def generate(self, prompt: str, frame: Frame, max_new_tokens: int) -> Generated:
        """The greedy answer to ``prompt``, which holds the image's placeholder."""
        mllm, model = self._mllm, self._model
        tokenizer = mllm.processor.tokenizer
        image = Image.fromarray(frame.rgb)
        begin = tokenizer.bos_token
        options = {"add_special_tokens": False} if begin and prompt.startswith(begin) else {}
        processed = mllm.processor(text=[prompt], images=[image], return_tensors="pt", **options)
        inputs = {
            name: value.to(model.device, model.dtype if value.is_floating_point() else None)
            for name, value in processed.items()
            if name != "labels"
        }
        if hasattr(model.model, "rope_deltas"):
            model.model.rope_deltas = None
        sequence = model.generate(
            **inputs,
            do_sample=False,
            repetition_penalty=1.0,
            max_new_tokens=max_new_tokens,
            eos_token_id=sorted(mllm.stop_ids),
            pad_token_id=min(mllm.stop_ids),
        )
        ids = sequence[0, inputs["input_ids"].shape[1] :].tolist()
        while ids and ids[-1] in mllm.stop_ids:
            ids.pop()
        pieces = decode_pieces(tokenizer, ids, mllm.unspoken_ids.__contains__)
        size = mllm.family.seen_size_px(
            mllm.processor, processed, (frame.width_px, frame.height_px)
        )
        text = "".join(pieces)
        sure = np.ones(len(ids), np.float32)
        answer = Answer(text, tuple(pieces), sure, image_size_px=size)
        return Generated(tuple(ids), text, answer)


class Baselines:
    """Both baselines on the pipeline's own MLLM and a predictor of its segmenter's library."""

    def __init__(self, mllm: TransformersMllm, predictor: BoxPredictor, config: Config) -> None:
        self._mllm, self._predictor, self._config = mllm, predictor, config
        self._generator = Generator(mllm)

    @torch.no_grad()
    def naive(self, frame: Frame, command: str) -> BaselineRun:
        """Two stages, each from scratch, and then the segmenter."""
        family, limits = self._mllm.family, self._config.mllm
        asked = self._harmless(family.semantic_turn(self._clean(command)).text)
        prompt = family.first_prompt(self._mllm.processor, asked)
        semantic = self._generator.generate(prompt, frame, limits.max_new_tokens_semantic)
        try:
            understood = family.parse_semantic(semantic.answer)
        except PPCRError as error:
            return BaselineRun(semantic, problem=str(error))
        if not understood.present or understood.ambiguous:
            return BaselineRun(semantic, problem="no one object: " + understood.text)
        prompt = self._second_prompt(asked, semantic, understood)
        spatial = self._generator.generate(prompt, frame, limits.max_new_tokens_spatial)
        return self._segmented(frame, semantic, spatial)

    @torch.no_grad()
    def direct(self, frame: Frame, command: str) -> BaselineRun | None:
        """One stage, straight to the box, and then the segmenter; None where there is no way."""
        family = self._mllm.family
        turn = family.direct_turn(self._clean(command))
        if turn is None:
            return None
        prompt = family.first_prompt(self._mllm.processor, self._harmless(turn.text))
        limit = self._config.mllm.max_new_tokens_spatial
        return self._segmented(frame, None, self._generator.generate(prompt, frame, limit))

    def _clean(self, command: str) -> str:
        return clean_command(command, max_chars=self._config.pipeline.max_command_chars)

    def _harmless(self, text: str) -> str:
        return self._mllm.guard.harmless(text)

    def _second_prompt(self, asked: str, first: Generated, understood: SemanticPrompt) -> str:
        """The second stage's prompt with all that was said before, image and all."""
        family, processor = self._mllm.family, self._mllm.processor
        turn = family.spatial_turn(understood)
        if not family.continues_cache:
            return family.first_prompt(processor, self._harmless(turn.text))
        head = family.first_prompt(processor, asked)
        return head + first.text + family.next_prompt(processor, self._harmless(turn.text))

    def _segmented(
        self, frame: Frame, semantic: Generated | None, spatial: Generated
    ) -> BaselineRun:
        try:
            prompt = self._mllm.family.parse_spatial(
                spatial.answer, width_px=frame.width_px, height_px=frame.height_px
            )
        except PPCRError as error:
            return BaselineRun(semantic, spatial, problem=str(error))
        masks = self._predictor.masks(frame.rgb, prompt.box_xyxy_px)
        return BaselineRun(semantic, spatial, prompt.box_xyxy_px, masks)


class SamPredictorOfLibrary:
    """segment_anything's own ``SamPredictor`` on a Sam of its own, loaded from the same weights.

    With ``looks_at_region`` it is shown what the pipeline's segmenter looks at. Of a Sam that was
    taught words the prompt encoder says beside the box that nothing is told.
    """

    def __init__(self, sam: Any, *, multimask: bool, looks_at_region: bool = False) -> None:
        from segment_anything import SamPredictor

        if hasattr(sam, "prompt_words"):
            with torch.no_grad():
                untold = hint_tokens(sam, [NO_HINT])
            sam.prompt_encoder.register_forward_hook(
                lambda module, prompts, found: (torch.cat([found[0], untold], dim=1), found[1])
            )
        self.name = "segment_anything.SamPredictor"
        self._predictor, self._multimask = SamPredictor(sam), multimask
        self._looks_at_region = looks_at_region

    def masks(self, rgb: Array, box_xyxy_px: Array) -> Array:
        size = {"height_px": rgb.shape[0], "width_px": rgb.shape[1]}
        region = Region.around(box_xyxy_px, **size) if self._looks_at_region else None
        if region is not None:
            rgb = region.of(rgb)
            box_xyxy_px = region.to_region(box_xyxy_px.reshape(2, 2)).reshape(4)
        self._predictor.set_image(rgb)
        masks: Array
        masks, _, _ = self._predictor.predict(box=box_xyxy_px, multimask_output=self._multimask)
        return masks if region is None else region.in_frame(masks, **size)


class SegmenterInTurn:
    """The pipeline's own segmenter after the MLLM, for families without a predictor to compare."""

    def __init__(self, segmenter: Any) -> None:
        self.name = f"{segmenter.name}, after the MLLM"
        self._segmenter = segmenter

    def masks(self, rgb: Array, box_xyxy_px: Array) -> Array:
        from ppcr_ros.core.types import SpatialPrompt

        encoded = self._segmenter.encode(Frame(rgb=rgb))
        spatial = SpatialPrompt("box", box_xyxy_px)
        found: Array = self._segmenter.segment(encoded, None, spatial).masks
        return found


def predictor_of(config: Config, segmenter: Any) -> BoxPredictor:
    """The predictor that the segmenter's library offers, else the segmenter itself, in turn."""
    if config.segmenter.family != "segment_anything":
        return SegmenterInTurn(segmenter)
    from ppcr_ros.models.loading import pick_device, pick_dtype
    from ppcr_ros.models.segmenters.segment_anything_segmenter import load_weights

    device = pick_device(config.segmenter.device)
    if pick_dtype(config.segmenter.dtype, device) != torch.float32:
        return SegmenterInTurn(segmenter)  # the library's predictor has no other number format
    sam = load_weights(config.segmenter, offline=config.pipeline.offline).to(device).eval()
    return SamPredictorOfLibrary(
        sam, multimask=config.segmenter.multimask, looks_at_region=segmenter.looks_at_region
    )

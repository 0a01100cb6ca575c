"""The parts that a run is made of, each by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from PIL import Image

from ppcr_lab.bench.timing import Quantiles, repeated
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.command import clean_command
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.grasp.grasping import with_grasp
from ppcr_ros.core.types import Array, Frame, Result, Segmentation, SpatialPrompt, Status
from ppcr_ros.models.mllm.session import TransformersMllm
from ppcr_ros.models.segmenters.base import BoxAndPoints


@dataclass(frozen=True)
class Part:
    """A part of a run that can be run by itself.

    Attributes:
        name: ``vision tower`` and the like.
        run: runs it once.
        modules: the networks whose weights it reads.
        tokens: how many tokens it writes or reads; 0 where that means nothing.
        cache_bytes: of the key/value cache that it reads.
    """

    name: str
    run: Callable[[], Any]
    modules: tuple[Any, ...] = ()
    tokens: int = 0
    cache_bytes: int = 0


def parts_of(
    mllm: TransformersMllm, segmenter: Any, config: Config, frame: Frame, command: str
) -> list[Part]:
    """The parts of a run on ``frame``, in its order.

    Raises:
        PPCRError: when ``command`` does not lead to a mask.
    """
    with torch.inference_mode():
        return _parts(mllm, segmenter, config, frame, command)


def _parts(
    mllm: TransformersMllm, segmenter: Any, config: Config, frame: Frame, command: str
) -> list[Part]:
    family, engine, model = mllm.family, mllm.engine, mllm.engine.model
    turn = family.semantic_turn(clean_command(command, max_chars=config.pipeline.max_command_chars))
    prompt = family.first_prompt(mllm.processor, mllm.guard.harmless(turn.text))
    image = Image.fromarray(frame.rgb)
    process = partial(mllm.processor, text=[prompt], images=[image], return_tensors="pt")
    inputs = engine.model_inputs(process())
    features = engine.image_features(inputs)
    keep_prefix = family.continues_cache

    def prefill() -> Any:
        state = engine.start()
        engine.read_image(state, inputs, features, keep_prefix=keep_prefix)
        return state

    state = prefill()
    length = state.cache.get_seq_length()
    text = model.config.get_text_config(decoder=True)
    head_width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    element = torch.finfo(engine.dtype).bits // 8
    cache_bytes = (
        2 * length * text.num_hidden_layers * text.num_key_value_heads * head_width * element
    )
    language = (model.model.language_model, model.get_output_embeddings())
    token = min(set(range(64)) - set(mllm.stop_ids))
    conversation = mllm.open(frame)
    limits = config.mllm
    answer = conversation.ask(
        turn, max_new_tokens=limits.max_new_tokens_semantic, cancel=CancelToken()
    )
    semantic = family.parse_semantic(answer)
    second = conversation.ask(
        family.spatial_turn(semantic),
        max_new_tokens=limits.max_new_tokens_spatial,
        cancel=CancelToken(),
    )
    spatial = family.parse_spatial(second, width_px=frame.width_px, height_px=frame.height_px)
    look = partial(_looked_at, segmenter, frame, spatial)
    encoded = look()
    parts = [
        Part("image and text to tensors", process),
        Part("vision tower", partial(engine.image_features, inputs), _vision(model)),
        Part("prefill", prefill, language, tokens=int(inputs["input_ids"].shape[1])),
        Part("one token", lambda: engine.peek(state, [token]), language, 1, cache_bytes),
    ]
    if keep_prefix:
        ids = mllm.turn_ids(mllm.guard.harmless(family.spatial_turn(semantic).text))
        parts.append(
            Part("stage 2's turn", lambda: engine.peek(state, ids), language, len(ids), cache_bytes)
        )
    sam = getattr(segmenter, "network", None)
    encoder = getattr(sam, "image_encoder", None) or getattr(sam, "vision_encoder", None)
    decoder = getattr(segmenter, "mask_decoder", None)
    adapter = getattr(segmenter, "adapter", None)
    parts += [
        Part("segmenter's image encoder", look, _some(encoder)),
        Part(
            "mask decoder and masks",
            partial(segmenter.segment, encoded, semantic, spatial),
            _some(decoder, adapter),
        ),
    ]
    if frame.depth_m is not None and frame.camera_matrix is not None:
        masks = segmenter.segment(encoded, semantic, spatial).masks
        found = Result(Status.OK, command, segmentation=Segmentation.from_mask(masks[0], 1.0))
        grasp = partial(with_grasp, found, frame, config.grasp)
        parts.append(Part("grasp target", grasp))
    return parts


def _looked_at(segmenter: Any, frame: Frame, spatial: SpatialPrompt) -> Any:
    """``frame`` encoded, all of it or the region around the box, as the segmenter looks at it."""
    encoded = segmenter.encode(frame)
    if getattr(segmenter, "looks_at_region", False):
        size = {"height_px": frame.height_px, "width_px": frame.width_px}
        segmenter.look_at(encoded, BoxAndPoints.within(spatial, **size))
    return encoded


def measure_parts(parts: list[Part], n: int, tick: Callable[[], None]) -> dict[str, Quantiles]:
    """The times of each part; ``tick`` is called after each."""
    found = {}
    with torch.inference_mode():
        for part in parts:
            found[part.name] = repeated(part.run, n)
            tick()
    return found


def _vision(model: Any) -> tuple[Any, ...]:
    names = ("visual", "vision_tower", "vision_model", "multi_modal_projector", "connector")
    return tuple(getattr(model.model, name) for name in names if hasattr(model.model, name))


def _some(*modules: Any) -> tuple[Any, ...]:
    return tuple(module for module in modules if module is not None)


class Session:
    """Parts of the pipeline's models that the comparison uses beside the pipeline itself."""

    def __init__(self, mllm: TransformersMllm, segmenter: Any, config: Config) -> None:
        self._mllm, self._segmenter, self._config = mllm, segmenter, config

    def tokens_of(self, frame: Frame, command: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tokens of both answers; none of a stage that is not reached."""
        limits, family = self._config.mllm, self._mllm.family
        conversation, cancel = self._mllm.open(frame), CancelToken()
        first = conversation.ask(
            family.semantic_turn(self._clean(command)),
            max_new_tokens=limits.max_new_tokens_semantic,
            cancel=cancel,
        )
        try:
            semantic = family.parse_semantic(first)
        except PPCRError:
            return first.tokens, ()
        if not semantic.present or semantic.ambiguous:
            return first.tokens, ()
        second = conversation.ask(
            family.spatial_turn(semantic),
            max_new_tokens=limits.max_new_tokens_spatial,
            cancel=cancel,
        )
        return first.tokens, second.tokens

    def direct_tokens(self, frame: Frame, command: str) -> tuple[str, ...]:
        """The tokens of the answer where the box is asked for at once."""
        turn = self._mllm.family.direct_turn(self._clean(command))
        if turn is None:
            return ()
        limit = self._config.mllm.max_new_tokens_spatial
        answer = self._mllm.open(frame).ask(turn, max_new_tokens=limit, cancel=CancelToken())
        return answer.tokens

    def box_masks(self, frame: Frame, box_xyxy_px: Array) -> Array:
        """The candidates (n, H, W) bool for a box alone."""
        spatial = SpatialPrompt("box", box_xyxy_px)
        found = self._segmenter.segment(self._segmenter.encode(frame), None, spatial)
        masks: Array = found.masks
        return masks

    def _clean(self, command: str) -> str:
        return clean_command(command, max_chars=self._config.pipeline.max_command_chars)

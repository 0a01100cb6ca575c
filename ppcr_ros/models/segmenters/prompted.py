"""Base of the SAMs with a prompt encoder and a mask decoder, with the prompt adapter."""

from __future__ import annotations

from abc import abstractmethod
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.types import Array, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.segmenters.base import BoxAndPoints, EncodedFrame, TorchSegmenter
from ppcr_ros.models.segmenters.object_hint import NO_HINT, ObjectHint
from ppcr_ros.models.segmenters.prompt_adapter import PromptAdapter


class PromptEncoderSegmenter(TorchSegmenter):
    """A SAM with a prompt encoder and a mask decoder, to which a prompt adapter may add tokens.

    The adapter is used where a prompt comes with the MLLM's hidden states. A mask decoder that was
    trained with it is used together with it; prompts without hidden states go to the SAM's own.
    """

    _adapter: PromptAdapter | None = None
    tuned_decoder: nn.Module | None = None
    """The mask decoder that was trained with the adapter, if any."""

    @property
    def device(self) -> torch.device:
        """Where the segmenter runs."""
        return self._device

    @property
    def adapter(self) -> PromptAdapter | None:
        """The prompt adapter in use, if any."""
        return self._adapter

    def attach(self, adapter: PromptAdapter | None, decoder: nn.Module | None = None) -> None:
        """Use ``adapter``, and ``decoder`` in place of the own mask decoder wherever it is used.

        Both are moved to the segmenter's device; None takes an adapter off.

        Raises:
            ValueError: when the adapter's tokens are not as wide as the mask decoder's.
        """
        if adapter is not None and adapter.sizes.decoder_width != self.prompt_width:
            raise ValueError(
                f"the prompt adapter makes tokens of width {adapter.sizes.decoder_width}; "
                f"expected {self.prompt_width}, that of {self.name}."
            )
        self._adapter = None if adapter is None else adapter.to(self._device)
        self.tuned_decoder = None if decoder is None else decoder.to(self._device)

    def decoder_copy(self) -> nn.Module:
        """A copy of the SAM's own mask decoder, to be tuned or to take tuned weights."""
        copy: nn.Module = deepcopy(self.mask_decoder)
        return copy

    def _decode(
        self,
        encoded: EncodedFrame,
        semantic: SemanticPrompt | None,
        spatial: SpatialPrompt | None,
        prompts: BoxAndPoints | None,
        hint: ObjectHint,
    ) -> tuple[Tensor, Tensor]:
        tokens = self._adapter_tokens(
            None if semantic is None else semantic.embedding,
            None if spatial is None else spatial.embedding,
        )
        if tokens is None and prompts is None and not self._guided_by(hint):
            raise SegmentationError(self._why_not_semantic_alone())
        return self.predict(encoded, prompts, tokens, hint)

    def _guided_by(self, hint: ObjectHint) -> bool:
        """Whether ``hint`` alone tells what is meant."""
        return False

    def _adapter_tokens(self, semantic: Array | None, spatial: Array | None) -> Tensor | None:
        adapter = self._adapter
        if adapter is None:
            return None
        states = [self._states(adapter, embedding) for embedding in (semantic, spatial)]
        if states[0] is None and states[1] is None:
            return None
        return adapter.tokens_of(states[0], states[1])

    def _states(self, adapter: PromptAdapter, embedding: Array | None) -> Tensor | None:
        if embedding is None or not len(embedding):
            return None
        if embedding.shape[1:] != (adapter.sizes.mllm_width,):
            raise SegmentationError(
                f"a prompt's hidden states have the shape {embedding.shape}; the prompt adapter of "
                f"{self.name} expects (n, {adapter.sizes.mllm_width}). It was trained for another "
                "MLLM: set segmenter.prompt_adapter to none."
            )
        return torch.from_numpy(embedding).to(self._device, torch.float32)

    def _why_not_semantic_alone(self) -> str:
        if self._adapter is None:
            return (
                f"{self.name} was given no box, and it has no prompt adapter, without which it "
                "cannot work from the semantic prompt alone. Set segmenter.prompt_adapter to the "
                "folder of an adapter, or choose another pipeline.guidance."
            )
        return (
            f"{self.name} was given no box, and a semantic prompt without the MLLM's hidden "
            "states, which its prompt adapter works from. Choose another pipeline.guidance."
        )

    def predict(
        self,
        encoded: EncodedFrame,
        prompts: BoxAndPoints | None,
        extra_sparse_tokens: Tensor | None = None,
        hint: ObjectHint = NO_HINT,
    ) -> tuple[Tensor, Tensor]:
        """Mask logits (n, h, w) and scores (n,) for ``prompts``.

        Args:
            encoded: the frame.
            prompts: box and points; None for none, as SAM has it for an empty prompt.
            extra_sparse_tokens: (n, d) float32 further prompt tokens of the mask decoder's width,
                which follow those of the points and the box. With them the decoder that was
                trained with the adapter is used, where there is one.
            hint: what the semantic prompt says of the object, in the pixels of what is seen.
        """
        decoder = self.mask_decoder
        sparse, dense = self.embed_prompts(encoded, prompts, hint)
        if extra_sparse_tokens is not None:
            sparse = torch.cat([sparse, extra_sparse_tokens])
            decoder = self.tuned_decoder or decoder
        logits, scores = self.decode(
            decoder, encoded.embedding, sparse[None], dense, multimask=self._multimask
        )
        return logits[0], scores[0]

    def decode_all(
        self, decoder: nn.Module, embedding: Any, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Every mask of the decoder: the single one first, then those of the multimask answer.

        As `decode`; (b, 4, h, w) logits and (b, 4) scores.
        """
        answers = [
            self.decode(decoder, embedding, sparse, dense, multimask=multimask)
            for multimask in (False, True)
        ]
        return (
            torch.cat([logits for logits, _ in answers], dim=1),
            torch.cat([scores for _, scores in answers], dim=1),
        )

    @property
    @abstractmethod
    def prompt_width(self) -> int:
        """The width of the mask decoder's prompt tokens."""

    @property
    @abstractmethod
    def input_side_px(self) -> int:
        """The side of the padded or stretched square over which the mask logits lie."""

    @property
    @abstractmethod
    def mask_decoder(self) -> Any:
        """The SAM's own mask decoder."""

    @abstractmethod
    def embed_prompts(
        self,
        encoded: EncodedFrame,
        prompts: BoxAndPoints | None,
        hint: ObjectHint = NO_HINT,
    ) -> tuple[Tensor, Tensor]:
        """Sparse tokens (n, d) and the dense embedding (1, d, rows, columns) of ``prompts``.

        Those of ``hint`` are among them where the SAM was taught any.
        """

    @abstractmethod
    def decode(
        self,
        decoder: nn.Module,
        embedding: Any,
        sparse: Tensor,
        dense: Tensor,
        *,
        multimask: bool,
    ) -> tuple[Tensor, Tensor]:
        """Mask logits (b, n, h, w) and scores (b, n) of a batch of frames with a prompt each.

        Args:
            decoder: `mask_decoder` or a `decoder_copy`.
            embedding: as in `EncodedFrame`, with b frames along the first axis.
            sparse: (b, m, d) prompt tokens.
            dense: (1, d, rows, columns), as of `embed_prompts`.
            multimask: whether several masks are asked for, or one.
        """


def batch_embeddings(frames: list[EncodedFrame]) -> Any:
    """The embeddings of ``frames`` as one batch, as `PromptEncoderSegmenter.decode` takes it."""
    first = frames[0].embedding
    if isinstance(first, Tensor):
        return torch.cat([frame.embedding for frame in frames])
    return [torch.cat([frame.embedding[level] for frame in frames]) for level in range(len(first))]

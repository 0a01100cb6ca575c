"""One model, asked for the next token of one sequence at a time."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from ppcr_ros.core.types import Array
from ppcr_ros.models.cpu.llama_decoder import LlamaDecoder
from ppcr_ros.models.cpu.networks import image_tower, prompt_reader
from ppcr_ros.models.devices import placement

MIN_PREFIX_TOKENS = 16
"""A shorter beginning that all prompts share is read anew: to keep it would not pay."""


class NextToken(NamedTuple):
    """Prediction of the token after a sequence.

    Attributes:
        logits: (vocabulary,) float32.
        hidden: (d,) the last hidden state, from which the logits were made.
    """

    logits: torch.Tensor
    hidden: torch.Tensor


@dataclass
class SequenceState:
    """A sequence that the model has read: its key/value cache and its position offset.

    Attributes:
        rope_deltas: Qwen-VL's offset between tokens and positions. The model keeps it as an
            attribute of itself, where another conversation would overwrite it.
        unread: tokens at the end that were said and not read yet; they are read with what follows.
    """

    cache: Any
    rope_deltas: torch.Tensor | None = None
    unread: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Prefix:
    """Tokens before the image in every prompt, and each layer's keys and values over them."""

    ids: tuple[int, ...]
    pairs: tuple[tuple[torch.Tensor, torch.Tensor], ...]


class ImageFeatures(NamedTuple):
    """Features of an image for the language model; named as in transformers.

    Attributes:
        pooler_output: for each image (n, d), one row for each image token.
    """

    pooler_output: list[torch.Tensor]


class _LastHidden:
    """A hook on the language head that keeps its last input; it holds no reference to the model."""

    def __init__(self) -> None:
        self.value: torch.Tensor | None = None

    def __call__(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self.value = args[0][0]


class _ImageTokens:
    """A hook on the projector that keeps an image's tokens."""

    def __init__(self) -> None:
        self.value: torch.Tensor | None = None

    def __call__(self, module: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:
        self.value = output.detach()[-1].float()


class Engine:
    """Reads tokens and images into a `SequenceState`; not for two threads at once."""

    def __init__(self, model: Any, *, exact: bool = True) -> None:
        """Take the model; without ``exact`` large products may be computed in bfloat16."""
        self._model = model
        self._head_input = _LastHidden()
        self._lean: LlamaDecoder | None = None
        if LlamaDecoder.fits(model):
            language, head = model.model.language_model, model.get_output_embeddings()
            self._lean = LlamaDecoder(language, head, prompt_reader(language, head, exact=exact))
        else:
            model.get_output_embeddings().register_forward_pre_hook(self._head_input)
        self._tower = image_tower(model, exact=exact)
        self._image_tokens = _ImageTokens()
        projector = getattr(getattr(model, "model", None), "multi_modal_projector", None)
        if isinstance(projector, torch.nn.Module):
            projector.register_forward_hook(self._image_tokens)
        self.prefix: _Prefix | None = None
        """What stands before every image, as it was read last; None where nothing was kept."""
        self._accepted = set(inspect.signature(type(model).forward).parameters)
        self.device: torch.device = model.device
        self.dtype: torch.dtype = model.dtype
        self.placement = placement([model])
        self.hidden_width: int = model.config.get_text_config(decoder=True).hidden_size

    @property
    def model(self) -> Any:
        """The transformers model that is run."""
        return self._model

    @property
    def product_dtype(self) -> torch.dtype:
        """What the large products are computed in."""
        reduced = self._tower is not None and self._tower.precision == "bf16"
        return torch.bfloat16 if reduced else self.dtype

    def take_image_tokens(self) -> Array | None:
        """Of the image that was read last (n, d) float32, as the projector gives them; None where
        none was since the last call, or for models without a projector."""
        tokens, self._image_tokens.value = self._image_tokens.value, None
        return None if tokens is None else tokens.cpu().numpy()

    def start(self) -> SequenceState:
        """An empty sequence."""
        if self._lean is not None:
            return SequenceState(self._lean.cache())
        return SequenceState(DynamicCache(config=self._model.config.get_text_config(decoder=True)))

    def first_of(self, state: SequenceState, n: int) -> SequenceState:
        """A sequence of the first ``n`` tokens of ``state``, which goes on by itself."""
        if self._lean is not None:
            return SequenceState(state.cache.first(n))
        copied = SequenceState(self.start().cache, state.rope_deltas)
        for index, layer in enumerate(state.cache.layers):
            copied.cache.update(layer.keys[..., :n, :], layer.values[..., :n, :], index)
        return copied

    def model_inputs(self, processed: Mapping[str, Any]) -> dict[str, Any]:
        """What the model takes of a processor's output, on its device and in its number format.

        The attention mask is left out: there is one sequence without padding, and Qwen-VL would
        work out positions from it that do not fit a continued cache.
        """
        inputs = {}
        for name, value in processed.items():
            if name in self._accepted and name not in ("attention_mask", "labels"):
                floats = isinstance(value, torch.Tensor) and value.is_floating_point()
                inputs[name] = value.to(self.device, self.dtype if floats else None)
        return inputs

    def image_features(self, inputs: Mapping[str, Any]) -> Any:
        """What the vision tower makes of the image in ``inputs``; an argument of `read_image`."""
        pixels = inputs.get("pixel_values")
        if self._tower is not None and isinstance(pixels, torch.Tensor) and len(pixels) == 1:
            (tokens,) = self._tower(pixels)
            self._image_tokens(self._model, (), tokens[None])
            return ImageFeatures([tokens])
        function = self._model.model.get_image_features
        accepted = inspect.signature(function).parameters
        image = {
            name: value
            for name, value in inputs.items()
            if name in accepted and name.startswith(("pixel_", "image_"))
        }
        return function(**image, return_dict=True)

    def read_image(
        self,
        state: SequenceState,
        inputs: Mapping[str, Any],
        features: Any | None = None,
        *,
        keep_prefix: bool = False,
    ) -> NextToken:
        """Read a first turn with its image, or its beginning up to the image's end.

        Args:
            state: of `start`.
            inputs: of `model_inputs`.
            features: of `image_features`; with them the vision tower is not run again.
            keep_prefix: keep the cache of what stands before the image, and take it from there
                where the next prompt begins with the same. Only for models that attend to what
                came before alone.
        """
        inputs = dict(inputs)
        if self._lean is not None:
            found = self.image_features(inputs) if features is None else features
            embedded = self._with_image(self._lean, inputs["input_ids"], found)
            return self._steps(*self._lean.read(state.cache, embedded))[-1]
        if features is not None:
            inputs = {name: x for name, x in inputs.items() if not name.startswith("pixel_")}
            inputs["mm_encoder_outputs"] = {"image": features}
        if keep_prefix:
            inputs = self._without_prefix(state, inputs)
        return self._forward(state, inputs)[-1]

    def read(self, state: SequenceState, ids: Sequence[int]) -> NextToken:
        """Read more tokens."""
        return self.read_last(state, ids, keep=1)[-1]

    def read_all(
        self, state: SequenceState, ids: Sequence[int], *, last: int | None = None
    ) -> list[NextToken]:
        """Read more tokens; what follows each of them, or each of the ``last`` ones."""
        return self.read_last(state, ids, keep=len(ids) if last is None else last)

    def read_last(self, state: SequenceState, ids: Sequence[int], *, keep: int) -> list[NextToken]:
        """Read more tokens; what follows each of the last ``keep`` of them."""
        if self._lean is not None and len(ids) == 1:
            return self._steps(*self._lean.read_token(state.cache, ids[0]))
        tensor = torch.tensor([list(ids)], device=self.device)
        if self._lean is not None:
            embedded = self._lean.embed(tensor)
            return self._steps(*self._lean.read(state.cache, embedded, keep=keep))
        return self._forward(state, {"input_ids": tensor}, keep=keep)

    def _forward(
        self, state: SequenceState, inputs: dict[str, Any], *, keep: int = 1
    ) -> list[NextToken]:
        base = self._model.model
        keeps_offset = hasattr(base, "rope_deltas")
        if keeps_offset:
            base.rope_deltas = state.rope_deltas
        output = self._model(
            **inputs, past_key_values=state.cache, use_cache=True, logits_to_keep=keep
        )
        if keeps_offset:
            state.rope_deltas = base.rope_deltas
        hidden, self._head_input.value = self._head_input.value, None
        assert hidden is not None
        return self._steps(output.logits[0], hidden)

    @staticmethod
    def _steps(logits: torch.Tensor, hidden: torch.Tensor) -> list[NextToken]:
        return [NextToken(*pair) for pair in zip(logits.float(), hidden, strict=True)]

    def _with_image(self, lean: LlamaDecoder, ids: torch.Tensor, features: Any) -> torch.Tensor:
        """The embeddings (1, n, d) of ``ids`` (1, n), the image's in the places of its tokens."""
        embedded = lean.embed(ids)
        image = torch.cat(list(features.pooler_output)).to(embedded.dtype)
        places = ids == self._model.config.image_token_id
        if int(places.sum()) != len(image):
            raise ValueError(
                f"the prompt has {int(places.sum())} places for the image's {len(image)} tokens."
            )
        return embedded.masked_scatter(places[..., None], image)

    def _without_prefix(self, state: SequenceState, inputs: dict[str, Any]) -> dict[str, Any]:
        """``inputs`` without what stands before the image, which ``state`` then has read."""
        ids = inputs["input_ids"]
        places = (ids[0] == self._model.config.image_token_id).nonzero()
        n = int(places[0]) if len(places) else 0
        if n < MIN_PREFIX_TOKENS or _keeps_the_end_only(state):
            return inputs
        prefix = self._prefix_of(tuple(ids[0, :n].tolist()))
        for index, (keys, values) in enumerate(prefix.pairs):
            state.cache.update(keys, values, index)
        rest = dict(inputs)
        base = self._model.model
        if hasattr(base, "get_rope_index"):  # Qwen-VL counts an image's tokens in two dimensions
            accepted = inspect.signature(base.get_rope_index).parameters
            whole = {name: x for name, x in inputs.items() if name in accepted}
            positions, state.rope_deltas = base.get_rope_index(**whole)
            rest["position_ids"] = positions[..., n:]
        for name, value in inputs.items():
            if isinstance(value, torch.Tensor) and value.shape == ids.shape:
                rest[name] = value[:, n:]
        return rest

    def _prefix_of(self, ids: tuple[int, ...]) -> _Prefix:
        if self.prefix is None or self.prefix.ids != ids:
            state, base = self.start(), self._model.model
            if hasattr(base, "rope_deltas"):
                base.rope_deltas = None
            tensor = torch.tensor([ids], device=self.device)
            base(input_ids=tensor, past_key_values=state.cache, use_cache=True)
            pairs = tuple((layer.keys, layer.values) for layer in state.cache.layers)
            self.prefix = _Prefix(ids, pairs)
        return self.prefix

    def reads_several_as_one(self, state: SequenceState) -> bool:
        """Whether a few tokens are read in about the time of one, and can be forgotten again.

        A model as small as one that is run without transformers computes for longer.
        """
        return self._lean is None and self.can_forget(state)

    @staticmethod
    def can_forget(state: SequenceState) -> bool:
        """Whether `forget` gives back what a layer has seen.

        Not behind a sliding window, and not where a layer attends linearly.
        """
        return not _keeps_the_end_only(state)

    def forget(self, state: SequenceState, n: int) -> None:
        """Let ``state`` be as it was before its last ``n`` tokens were read."""
        if n:
            state.cache.crop(-n)

    def peek(self, state: SequenceState, ids: Sequence[int]) -> NextToken:
        """What would follow if ``ids`` were read; ``state`` is as before afterwards."""
        if _keeps_the_end_only(state):
            return self.read(SequenceState(copy.deepcopy(state.cache), state.rope_deltas), ids)
        before = state.cache.get_seq_length()
        try:
            return self.read(state, ids)
        finally:
            self.forget(state, state.cache.get_seq_length() - before)


def beginning(inputs: Mapping[str, Any], n: int) -> dict[str, Any]:
    """``inputs`` with the first ``n`` tokens of the sequence only, and all of the image."""
    shape = inputs["input_ids"].shape
    return {
        name: x[:, :n] if isinstance(x, torch.Tensor) and x.shape == shape else x
        for name, x in inputs.items()
    }


def _keeps_the_end_only(state: SequenceState) -> bool:
    """Whether a layer keeps the last tokens only, or a sum of all: nothing can be taken back."""
    return any(
        getattr(layer, "is_sliding", False) or hasattr(layer, "recurrent_states")
        for layer in getattr(state.cache, "layers", ())
    )

"""One model, asked for the next token of one sequence at a time."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from ppcr_ros.models.device_memory import placement


class Step(NamedTuple):
    """What follows a sequence.

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
    """

    cache: Any
    rope_deltas: torch.Tensor | None = None


class _LastHidden:
    """A hook on the language head that keeps its last input; it holds no reference to the model."""

    def __init__(self) -> None:
        self.value: torch.Tensor | None = None

    def __call__(self, module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        self.value = args[0][0, -1]


class Engine:
    """Reads tokens and images into a `SequenceState`; not for two threads at once."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._head_input = _LastHidden()
        model.get_output_embeddings().register_forward_pre_hook(self._head_input)
        self._accepted = set(inspect.signature(type(model).forward).parameters)
        self.device: torch.device = model.device
        self.dtype: torch.dtype = model.dtype
        self.placement = placement([model])
        self.hidden_width: int = model.config.get_text_config(decoder=True).hidden_size

    def start(self) -> SequenceState:
        """An empty sequence."""
        return SequenceState(DynamicCache(config=self._model.config.get_text_config(decoder=True)))

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
        function = self._model.model.get_image_features
        accepted = inspect.signature(function).parameters
        image = {
            name: value
            for name, value in inputs.items()
            if name in accepted and name.startswith(("pixel_", "image_"))
        }
        return function(**image, return_dict=True)

    def read_image(
        self, state: SequenceState, inputs: Mapping[str, Any], features: Any | None = None
    ) -> Step:
        """Read a first turn with its image; with ``features`` the vision tower is not run again."""
        inputs = dict(inputs)
        if features is not None:
            inputs = {name: x for name, x in inputs.items() if not name.startswith("pixel_")}
            inputs["mm_encoder_outputs"] = {"image": features}
        return self._forward(state, inputs)

    def read(self, state: SequenceState, ids: Sequence[int]) -> Step:
        """Read more tokens."""
        return self._forward(state, {"input_ids": torch.tensor([list(ids)], device=self.device)})

    def _forward(self, state: SequenceState, inputs: dict[str, Any]) -> Step:
        base = self._model.model
        keeps_offset = hasattr(base, "rope_deltas")
        if keeps_offset:
            base.rope_deltas = state.rope_deltas
        output = self._model(
            **inputs, past_key_values=state.cache, use_cache=True, logits_to_keep=1
        )
        if keeps_offset:
            state.rope_deltas = base.rope_deltas
        hidden, self._head_input.value = self._head_input.value, None
        assert hidden is not None
        return Step(output.logits[0, -1].float(), hidden)

    def peek(self, state: SequenceState, ids: Sequence[int]) -> Step:
        """What would follow if ``ids`` were read; ``state`` is as before afterwards."""
        layers = getattr(state.cache, "layers", ())
        if any(getattr(layer, "is_sliding", False) for layer in layers):
            # A sliding window forgets what it would have to give back.
            return self.read(SequenceState(copy.deepcopy(state.cache), state.rope_deltas), ids)
        before = state.cache.get_seq_length()
        try:
            return self.read(state, ids)
        finally:
            state.cache.crop(before - state.cache.get_seq_length())

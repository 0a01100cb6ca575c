"""A conversation about one frame, with one key/value cache."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Array, Frame
from ppcr_ros.core.window import WHOLE_FRAME, Window
from ppcr_ros.models.memory import memory_errors
from ppcr_ros.models.mllm.answer_builder import AnswerBuilder
from ppcr_ros.models.mllm.decoder import DraftDecoder
from ppcr_ros.models.mllm.image_prefix import ImagePrefix, PromptReader
from ppcr_ros.models.mllm.processors import image_token_id
from ppcr_ros.models.mllm.prompt_lookup import PromptLookup
from ppcr_ros.models.mllm.token_engine import NextToken, SequenceState, beginning
from ppcr_ros.models.mllm.tokens import decode_pieces, first_token_ids

if TYPE_CHECKING:
    from ppcr_ros.models.mllm.session import TransformersMllm

_ANY_TURN = "x"
"""What stands before a first turn is the same for any."""


class TransformersConversation:
    """A `core.interfaces.Conversation`: turns about one frame.

    Decoding is greedy and by hand, not by ``generate``: it can be stopped between two tokens, and
    a checkpoint's own generation settings (Qwen2.5-VL's repetition penalty) must not bend
    coordinates, whose digits do repeat.
    """

    def __init__(self, mllm: TransformersMllm, frame: Frame, window: Window = WHOLE_FRAME) -> None:
        """Begin one about ``window`` of ``frame``, whose sides are on whole pixels."""
        self._mllm, self._engine, self._family = mllm, mllm.engine, mllm.family
        self._window = window
        image = Image.fromarray(window.cut(frame.rgb))
        self._reader = PromptReader(mllm.name, mllm.family, mllm.processor, image)
        self._state: SequenceState | None = None
        self._lookup = PromptLookup()
        self._features: Any = None
        self._image_tokens: Array | None = None
        self._prefix: ImagePrefix | None = None
        """The beginning, where `read_image` has read it and no turn has followed yet."""
        self._begun: tuple[str, list[int]] | None = None
        """The first prompt with the image, and its tokens, of families that continue a cache."""

    @property
    def window(self) -> Window:
        """The part of the frame that it is about."""
        return self._window

    @property
    def unfamiliarity(self) -> float | None:
        """How unlike the pictures that the model has learnt from this one is, above 1 unlike all of
        them; None before it is read, and for models that do not know."""
        summary, knowledge = self.image_summary, self._mllm.knowledge
        return None if summary is None or knowledge is None else knowledge.unfamiliarity(summary)

    @property
    def things(self) -> Window | None:
        """What all that the model has a name for lies in; None where there is nothing, before the
        image is read, and for models that do not know."""
        tokens, knowledge = self._image_tokens, self._mllm.knowledge
        return None if tokens is None or knowledge is None else knowledge.extent(tokens)

    def kind_probability(self, kind: str, box_xyxy: Array) -> float | None:
        """The chance 0..1 that what lies in a box, in shares of the frame, is of a kind, by the
        image's own tokens; None as `unfamiliarity`, and for a kind that is not known."""
        tokens, knowledge = self._image_tokens, self._mllm.knowledge
        if tokens is None or knowledge is None:
            return None
        return knowledge.kind_probability(tokens, self._window.in_window(box_xyxy), kind)

    @property
    def image_tokens(self) -> Array | None:
        """Of the picture (n, d) float32, row by row; None as `unfamiliarity`."""
        return self._image_tokens

    @property
    def image_summary(self) -> Array | None:
        """The mean and the spread (2d,) float32 of the picture's tokens; None as these."""
        tokens = self._image_tokens
        if tokens is None:
            return None
        summary: Array = np.concatenate([tokens.mean(axis=0), tokens.std(axis=0, ddof=1)])
        return summary

    @torch.inference_mode()
    @memory_errors("the MLLM")
    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        """Say ``turn`` and return the greedy answer of at most ``max_new_tokens`` tokens.

        ``Answer.hidden_states[i]`` is the last hidden state from which token i was predicted.

        Raises:
            Cancelled: before the first or between two tokens, when ``cancel`` was raised.
            InvalidFrameError: when the image processor refuses the frame.
            OutOfMemoryError: when memory runs out.
        """
        cancel.raise_if_cancelled()
        state, step = self.read_turn(turn)
        builder = AnswerBuilder(self._mllm.counted_ids)
        rules = self._mllm.rules(turn, max_new_tokens)
        decoder = DraftDecoder(self._engine, state, self._lookup, builder, rules)
        whole = decoder.write(step, cancel)
        unspoken = self._mllm.unspoken_ids
        pieces = decode_pieces(self._mllm.processor.tokenizer, builder.ids, unspoken.__contains__)
        return Answer(
            text="".join(pieces),
            tokens=tuple(pieces),
            probabilities=builder.probabilities(),
            offsets=builder.offsets(),
            image_size_px=self._reader.seen_size_px,
            hidden_states=builder.hidden_states(),
            truncated=not whole,
            window=self._window,
        )

    @torch.inference_mode()
    @memory_errors("the MLLM")
    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float:
        """The probability 0..1 of yes against no as the answer to ``turn``.

        The conversation is as before afterwards.

        Raises:
            Cancelled: when ``cancel`` was raised.
            PPCRError: when the model's vocabulary cannot tell yes from no.
            OutOfMemoryError: when memory runs out.
        """
        cancel.raise_if_cancelled()
        tokenizer = self._mllm.processor.tokenizer
        yes, no = (first_token_ids(tokenizer, [word]) for word in ("yes", "no"))
        if not yes - no or not no - yes:
            raise PPCRError(
                f"{self._mllm.name} has no tokens for yes and no; set pipeline.verify_with_mllm to "
                "false."
            )
        step = self._what_follows(turn)
        cancel.raise_if_cancelled()
        shares = torch.softmax(step.logits, dim=-1)
        for_yes = float(shares[sorted(yes - no)].sum())
        for_no = float(shares[sorted(no - yes)].sum())
        return for_yes / (for_yes + for_no) if for_yes + for_no > 0 else 0.5

    @torch.inference_mode()
    @memory_errors("the MLLM")
    def read_image(self) -> None:
        """Read the image now, and not with the first turn.

        Where a later turn continues the cache, all that stands before the turn's own words is read;
        elsewhere the vision tower alone does its work.

        Raises:
            InvalidFrameError: when the image processor refuses the frame.
            OutOfMemoryError: when memory runs out.
        """
        if self._state is not None or self._prefix is not None or self._features is not None:
            return
        prompt = self._family.first_prompt(self._mllm.processor, _ANY_TURN)
        processed = self._reader.process(prompt)
        inputs = self._engine.model_inputs(processed)
        self._engine.take_image_tokens()
        if not self._family.continues_cache:
            self._features = self._engine.image_features(inputs)
            self._image_tokens = self._engine.take_image_tokens()
            return
        ids = processed["input_ids"][0].tolist()
        state = self._engine.start()
        prefix = self._reader.prefix_of(prompt, ids, image_token_id(self._mllm.processor), state)
        self._engine.read_image(state, beginning(inputs, len(prefix.ids)), keep_prefix=True)
        self._image_tokens = self._engine.take_image_tokens()
        self._prefix, self._begun = prefix, (prompt, ids)

    @torch.inference_mode()
    @memory_errors("the MLLM")
    def begin_again(self) -> TransformersConversation | None:
        """Begin a conversation about the same image, which is not read again.

        Returns:
            It; None where the image has not been read yet, or cannot be gone back to.

        Raises:
            OutOfMemoryError: when memory runs out.
        """
        again = copy.copy(self)
        again._state, again._prefix, again._lookup = None, None, PromptLookup()
        if not self._family.continues_cache:
            return again if self._features is not None else None
        state = self._state if self._prefix is None else self._prefix.state
        if state is None or self._begun is None or not self._engine.can_forget(state):
            return None
        image_id = image_token_id(self._mllm.processor)
        prefix = self._reader.prefix_of(*self._begun, image_id, state)
        prefix.state = self._engine.first_of(state, len(prefix.ids))
        again._prefix = prefix
        return again

    def read_turn(self, turn: Turn) -> tuple[SequenceState, NextToken | None]:
        """Say ``turn``, as the first or a later one.

        Returns:
            The sequence, and what follows it where all of it has been read.
        """
        if self._state is None or not self._family.continues_cache:
            self._state, step = self._begin(turn)
            return self._state, step
        ids = self._mllm.turn_ids(self._mllm.guard.harmless(turn.text))
        self._lookup.extend(ids)
        self._state.unread = [*self._state.unread, *ids]
        return self._state, None

    def _begin(self, turn: Turn) -> tuple[SequenceState, NextToken | None]:
        """Say ``turn`` to a sequence of its own, with the image; as `read_turn`."""
        asked = self._mllm.guard.harmless(turn.text)
        prompt = self._family.first_prompt(self._mllm.processor, asked)
        prefix, self._prefix = self._prefix, None
        self._lookup = PromptLookup()
        if prefix is not None and (rest := self._reader.ids_behind(prefix, prompt)) is not None:
            self._lookup.extend([*prefix.ids, *rest])
            prefix.state.unread = rest
            return prefix.state, None
        processed = self._reader.process(prompt)
        ids = processed["input_ids"][0].tolist()
        self._lookup.extend(ids)
        inputs = self._engine.model_inputs(processed)
        state = self._engine.start()
        self._engine.take_image_tokens()
        if self._family.continues_cache:
            step = self._engine.read_image(state, inputs, keep_prefix=True)
            self._begun = prompt, ids
        else:
            if self._features is None:
                self._features = self._engine.image_features(inputs)
            step = self._engine.read_image(state, inputs, self._features)
        tokens = self._engine.take_image_tokens()
        self._image_tokens = self._image_tokens if tokens is None else tokens
        return state, step

    def _what_follows(self, turn: Turn) -> NextToken:
        """What would follow if ``turn`` were said; nothing is said."""
        if self._state is None or not self._family.continues_cache:
            state, step = self._begin(turn)
            return self._engine.read(state, state.unread) if step is None else step
        ids = self._mllm.turn_ids(self._mllm.guard.harmless(turn.text))
        return self._engine.peek(self._state, [*self._state.unread, *ids])

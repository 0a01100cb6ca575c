"""A loaded MLLM of any family: its model, its processor, and what its tokens mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.core.interfaces import Dialect, Turn
from ppcr_ros.core.knowledge import Knowledge
from ppcr_ros.core.types import Frame
from ppcr_ros.core.window import Window
from ppcr_ros.models.mllm.constrained_decoding import FixedWords, FormGuide
from ppcr_ros.models.mllm.conversation import TransformersConversation
from ppcr_ros.models.mllm.decoder import AnswerRules
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.mllm.processors import image_token_id
from ppcr_ros.models.mllm.token_engine import Engine
from ppcr_ros.models.mllm.tokens import TokenGuard


class TransformersMllm:
    """A `core.interfaces.Mllm` on a transformers image-text-to-text model.

    One conversation is used at a time, on any one thread.
    """

    def __init__(
        self,
        name: str,
        family: MllmFamily,
        model: Any,
        processor: Any,
        *,
        constrain_answers: bool = False,
        knowledge: Knowledge | None = None,
        exact: bool = True,
    ) -> None:
        """Take a loaded model (eval mode, on its device) and its processor.

        With ``constrain_answers`` the answer to a turn keeps to the turn's form. ``knowledge`` is
        what the model knows of its own limits. Without ``exact`` a CPU may compute the large
        products of a float32 model in bfloat16.

        Raises:
            ModelLoadError: when the tokenizer is not that of the model.
        """
        self.name = name
        self.family = family
        self.dialect: Dialect = family
        self.processor = processor
        self.constrain_answers = constrain_answers
        self.knowledge = knowledge
        self.fill_in = True
        """Whether the fixed words of a form are filled in, and not waited for one by one."""
        self.look_up = True
        """Whether what is likely a copy of something said before is read several words at once."""
        self.engine = Engine(model, exact=exact)
        tokenizer = processor.tokenizer
        rows = model.get_input_embeddings().weight.shape[0]
        if len(tokenizer) > rows:
            raise ModelLoadError(
                f"{name}: the tokenizer has {len(tokenizer)} tokens and the model {rows}; expected "
                "files of one checkpoint. Copy or fetch the model again."
            )
        images = (image_token_id(processor), model.config.image_token_id)
        if images[0] != images[1]:
            raise ModelLoadError(
                f"{name}: the image token of the processor is {images[0]} and that of the model "
                f"{images[1]}; expected files of one checkpoint. Copy or fetch the model again."
            )
        self._refuse_thoughts()
        self.guard = TokenGuard(tokenizer, family.writes_token)
        self.stop_ids = self._stop_ids(model)
        special = set(tokenizer.all_special_ids) | {
            id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        self.location_ids = {
            id_ for id_ in special if family.keeps_token(tokenizer.convert_ids_to_tokens(id_))
        }
        self.unspoken_ids = special - self.location_ids
        self.fixed_words = FixedWords(tokenizer, self.stop_ids | self.unspoken_ids)
        self._counted: dict[int, list[int]] = {}

    @property
    def placement(self) -> str:
        """Where it runs and in which number format, such as ``cuda:0 bfloat16``."""
        return self.engine.placement

    def _refuse_thoughts(self) -> None:
        """Raise where the template has the model think aloud: its thoughts use up every limit."""
        _, opened, thoughts = self.family.first_prompt(self.processor, "x").rpartition("<think>")
        if opened and "</think>" not in thoughts:
            raise ModelLoadError(
                f"{self.name} thinks aloud before it answers: its chat template opens <think> and "
                "does not close it; expected a checkpoint that answers at once. Take its Instruct "
                "sibling."
            )

    def _stop_ids(self, model: Any) -> frozenset[int]:
        """The checkpoint's own end tokens, the family's, and the one that its template writes."""
        tokenizer = self.processor.tokenizer
        ends = getattr(model.generation_config, "eos_token_id", None)
        ids = set(ends if isinstance(ends, (list, tuple)) else [ends])
        ids |= {tokenizer.eos_token_id}
        ids |= {tokenizer.convert_tokens_to_ids(token) for token in self.family.stop_tokens}
        if self.family.continues_cache:
            ids |= set(self.turn_ids("x")[:1]) & set(tokenizer.all_special_ids)
        return frozenset(int(id_) for id_ in ids - {None, tokenizer.unk_token_id})

    def turn_ids(self, text: str) -> list[int]:
        """The ids of a later turn, from the end of the answer before to the next one's head."""
        return self._ids(self.family.next_prompt(self.processor, text))

    def counted_ids(self, token_id: int) -> list[int]:
        """The tokens whose probabilities together are that of ``token_id``."""
        if token_id not in self._counted:
            tokenizer = self.processor.tokenizer
            names = self.family.neighbour_tokens(tokenizer.convert_ids_to_tokens(token_id))
            ids = {tokenizer.convert_tokens_to_ids(name) for name in names}
            self._counted[token_id] = sorted(
                (ids | {token_id}) - {None, tokenizer.unk_token_id}
            ) or [token_id]
        return self._counted[token_id]

    def guide(self, turn: Turn) -> FormGuide | None:
        """What keeps the answer to ``turn`` to its form, where it has one and it is wanted."""
        if turn.form is None or not self.constrain_answers:
            return None
        form = turn.form.led_by(self.family.answer_lead)
        return FormGuide(form, self.fixed_words)

    def rules(self, turn: Turn, limit: int) -> AnswerRules:
        """What the answer to ``turn`` may be, of at most ``limit`` tokens."""

        def is_whole(ids: Sequence[int]) -> bool:
            places = sum(id_ in self.location_ids for id_ in ids)
            return 0 < turn.n_locations <= places

        return AnswerRules(
            limit,
            self.stop_ids,
            is_whole,
            self.guide(turn),
            self.expected(turn),
            looks_up=self.look_up,
            fills_in=self.fill_in,
        )

    def expected(self, turn: Turn) -> list[int]:
        """The tokens that the answer to ``turn`` most likely begins with; none where unknown."""
        begins = turn.likely_beginning
        return self._ids(self.family.answer_lead + begins) if self.look_up and begins else []

    def _ids(self, text: str) -> list[int]:
        ids = self.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [int(id_) for id_ in ids]

    def open(self, frame: Frame) -> TransformersConversation:
        """Begin a conversation about ``frame``; the image is read by the first turn."""
        return TransformersConversation(self, frame)

    def open_window(self, frame: Frame, window: Window) -> TransformersConversation:
        """Begin a conversation about ``window`` of ``frame``; see `core.interfaces.LooksCloser`.

        For families that put what they read where it is in the frame: ppcr-tiny.
        """
        on_pixels = window.on_pixels(frame.width_px, frame.height_px)
        return TransformersConversation(self, frame, on_pixels)

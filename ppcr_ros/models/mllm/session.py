"""One class for every model family: a conversation about one frame, with one key/value cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import InvalidFrameError, ModelLoadError, PPCRError
from ppcr_ros.core.interfaces import Answer, Dialect, Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models.memory import memory_errors
from ppcr_ros.models.mllm.answer_builder import Written
from ppcr_ros.models.mllm.constrained_decoding import FormGuide
from ppcr_ros.models.mllm.engine import Engine, SequenceState, Step, beginning
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.mllm.image_prefix import ReadHead
from ppcr_ros.models.mllm.prompt_lookup import PromptLookup
from ppcr_ros.models.mllm.tokens import TokenGuard, decode_pieces, first_token_ids

_ANY_TURN = "x"
"""What stands before a first turn is the same for any."""


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
    ) -> None:
        """Take a loaded model (eval mode, on its device) and its processor.

        With ``constrain_answers`` the answer to a turn keeps to the turn's form.

        Raises:
            ModelLoadError: when the tokenizer is not that of the model.
        """
        self.name = name
        self.family = family
        self.dialect: Dialect = family
        self.processor = processor
        self.constrain_answers = constrain_answers
        self.fill_in = True
        """Whether the fixed words of a form are filled in, and not waited for one by one."""
        self.look_up = True
        """Whether what is likely a copy of something said before is read several words at once."""
        self.engine = Engine(model)
        tokenizer = processor.tokenizer
        rows = model.get_input_embeddings().weight.shape[0]
        if len(tokenizer) > rows:
            raise ModelLoadError(
                f"{name}: the tokenizer has {len(tokenizer)} tokens and the model {rows}; expected "
                "files of one checkpoint. Copy or fetch the model again."
            )
        images = (processor.image_token_id, model.config.image_token_id)
        if images[0] != images[1]:
            raise ModelLoadError(
                f"{name}: the image token of the processor is {images[0]} and that of the model "
                f"{images[1]}; expected files of one checkpoint. Copy or fetch the model again."
            )
        self.guard = TokenGuard(tokenizer, family.writes_token)
        self.stop_ids = self._stop_ids(model)
        special = set(tokenizer.all_special_ids) | {
            id_ for id_, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        self.location_ids = {
            id_ for id_ in special if family.keeps_token(tokenizer.convert_ids_to_tokens(id_))
        }
        self.unspoken_ids = special - self.location_ids
        self._counted: dict[int, list[int]] = {}

    @property
    def placement(self) -> str:
        """Where it runs and in which number format, such as ``cuda:0 bfloat16``."""
        return self.engine.placement

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
        prompt = self.family.next_prompt(self.processor, text)
        ids = self.processor.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        return [int(id_) for id_ in ids]

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
        form = turn.form
        if form is None or not self.constrain_answers:
            return None
        never = self.stop_ids | self.unspoken_ids
        return FormGuide(form, self.processor.tokenizer, never, fill_in=self.fill_in)

    def expected(self, turn: Turn) -> list[int]:
        """The tokens that the answer to ``turn`` most likely begins with; none where unknown."""
        if not self.look_up:
            return []
        ids = self.processor.tokenizer(turn.likely_beginning, add_special_tokens=False)["input_ids"]
        return [int(id_) for id_ in ids]

    def is_whole(self, turn: Turn, ids: Sequence[int]) -> bool:
        """Whether ``ids`` are all of the answer to ``turn``, whatever the model would say."""
        n = turn.n_locations
        return n > 0 and sum(id_ in self.location_ids for id_ in ids) >= n

    def open(self, frame: Frame) -> TransformersConversation:
        """Begin a conversation about ``frame``; the image is read by the first turn."""
        return TransformersConversation(self, frame)


class TransformersConversation:
    """A `core.interfaces.Conversation`: turns about one frame.

    Decoding is greedy and by hand, not by ``generate``: it can be stopped between two tokens, and
    a checkpoint's own generation settings (Qwen2.5-VL's repetition penalty) must not bend
    coordinates, whose digits do repeat.
    """

    def __init__(self, mllm: TransformersMllm, frame: Frame) -> None:
        self._mllm, self._engine, self._family = mllm, mllm.engine, mllm.family
        self._image = Image.fromarray(frame.rgb)
        self._state: SequenceState | None = None
        self._unread: list[int] = []
        """Tokens of the last answer that the model wrote and has not read back."""
        self._lookup = PromptLookup()
        self._features: Any = None
        self._head: ReadHead | None = None
        """The beginning, where `read_image` has read it and no turn has followed yet."""
        self._seen_size_px = (frame.width_px, frame.height_px)

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
        guide = self._mllm.guide(turn)
        guess = self._mllm.expected(turn)[:max_new_tokens] if guide is None else []
        state, steps = self._say(turn, guess)
        written = Written(self._mllm.counted_ids, self._lookup)
        step = self._agreed(state, steps, guess, written)
        if guide is not None:
            step = self._fill_in(state, step, guide, written, max_new_tokens)
        while len(written.ids) < max_new_tokens and not (guide and guide.complete(written.ids)):
            if written.ids:
                cancel.raise_if_cancelled()
            if self._unread:
                step = self._read_on(state, written, max_new_tokens, free=guide is None)
            token = guide.choose(step.logits, written.ids) if guide else int(step.logits.argmax())
            if token in self._mllm.stop_ids:
                return self._answer(written, truncated=False)
            written.add(token, step)
            self._unread = [token]
            if self._mllm.is_whole(turn, written.ids):
                return self._answer(written, truncated=False)
            if guide is not None:
                step = self._fill_in(state, step, guide, written, max_new_tokens)
        return self._answer(written, truncated=not (guide and guide.complete(written.ids)))

    def _read_on(self, state: SequenceState, written: Written, limit: int, *, free: bool) -> Step:
        """Read the token that was written last; what follows it.

        Where the answer is ``free`` of a form, what is likely to come is read with it, and written
        as far as the model would have written it.
        """
        guess: list[int] = []
        if free and self._mllm.look_up and self._engine.reads_several_as_one(state):
            guess = self._lookup.guess(limit - len(written.ids) - 1)
        unread, self._unread = self._unread, []
        if not guess:
            return self._engine.read(state, unread)
        steps = self._engine.read_all(state, [*unread, *guess], last=len(guess) + 1)
        return self._agreed(state, steps, guess, written)

    def _agreed(
        self, state: SequenceState, steps: list[Step], guess: list[int], written: Written
    ) -> Step:
        """Write of ``guess`` what the model would have written; what follows that.

        ``steps`` are what follows before the guess and behind each of its tokens.
        """
        guess, right = guess[: len(steps) - 1], 0
        while right < len(guess) and int(steps[right].logits.argmax()) == guess[right]:
            if guess[right] in self._mllm.stop_ids:
                break
            written.add(guess[right], steps[right])
            right += 1
        self._engine.forget(state, len(guess) - right)
        return steps[right]

    def _fill_in(
        self, state: SequenceState, step: Step, guide: FormGuide, written: Written, limit: int
    ) -> Step:
        """Write what the form says must come next, read together in one pass of the model."""
        forced = guide.forced(written.ids)[: max(0, limit - len(written.ids))]
        if not forced:
            return step
        behind = len(self._unread)
        steps = [step, *self._engine.read_all(state, [*self._unread, *forced])]
        self._unread = []
        for token, before in zip(forced, steps[behind:], strict=False):
            written.add(token, before)
        return steps[-1]

    def _answer(self, written: Written, *, truncated: bool) -> Answer:
        unspoken = self._mllm.unspoken_ids
        tokenizer = self._mllm.processor.tokenizer
        pieces = decode_pieces(tokenizer, written.ids, unspoken.__contains__)
        return Answer(
            text="".join(pieces),
            tokens=tuple(pieces),
            probabilities=written.probabilities(),
            image_size_px=self._seen_size_px,
            hidden_states=written.hidden_states(),
            truncated=truncated,
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
        if self._state is None or not self._family.continues_cache:
            _, step = self._begin(turn)
        else:
            ids = self._unread + self._mllm.turn_ids(self._mllm.guard.harmless(turn.text))
            step = self._engine.peek(self._state, ids)
        cancel.raise_if_cancelled()
        shares = torch.softmax(step.logits, dim=-1)
        for_yes = float(shares[sorted(yes - no)].sum())
        for_no = float(shares[sorted(no - yes)].sum())
        return for_yes / (for_yes + for_no) if for_yes + for_no > 0 else 0.5

    def _begun(self, prompt: str) -> dict[str, bool]:
        """Keep the tokenizer from beginning the sequence where the template already did."""
        begin = self._mllm.processor.tokenizer.bos_token
        return {"add_special_tokens": False} if begin and prompt.startswith(begin) else {}

    def _say(self, turn: Turn, guess: list[int]) -> tuple[SequenceState, list[Step]]:
        """Have the model read ``turn``, as the first or a later one, and a guess at the answer.

        Returns:
            The sequence, what follows the turn, and what follows each token of the guess, which is
            not read where it could not be forgotten again.
        """
        if self._state is None or not self._family.continues_cache:
            state, step = self._begin(turn)
            self._unread = []
            self._state = state
            if not guess or not self._engine.can_forget(state):
                return state, [step]
            return state, [step, *self._engine.read_all(state, guess)]
        ids = self._mllm.turn_ids(self._mllm.guard.harmless(turn.text))
        self._lookup.extend(ids)
        ids, self._unread = [*self._unread, *ids], []
        guess = guess if self._engine.can_forget(self._state) else []
        return self._state, self._engine.read_all(self._state, [*ids, *guess], last=len(guess) + 1)

    def _begin(self, turn: Turn) -> tuple[SequenceState, Step]:
        """Read the image and ``turn`` into a sequence of its own."""
        asked = self._mllm.guard.harmless(turn.text)
        prompt = self._family.first_prompt(self._mllm.processor, asked)
        head, self._head = self._head, None
        if head is not None and (rest := head.behind(self._ids(prompt, head))) is not None:
            self._lookup = PromptLookup()
            self._lookup.extend([*head.ids, *rest])
            return head.state, self._engine.read(head.state, rest)
        processed = self._processed(prompt)
        self._lookup = PromptLookup()
        self._lookup.extend(processed["input_ids"][0].tolist())
        inputs = self._engine.model_inputs(processed)
        state = self._engine.start()
        if self._family.continues_cache:
            return state, self._engine.read_image(state, inputs, keep_prefix=True)
        if self._features is None:
            self._features = self._engine.image_features(inputs)
        return state, self._engine.read_image(state, inputs, self._features)

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
        if self._state is not None or self._head is not None or self._features is not None:
            return
        prompt = self._family.first_prompt(self._mllm.processor, _ANY_TURN)
        processed = self._processed(prompt)
        inputs = self._engine.model_inputs(processed)
        if not self._family.continues_cache:
            self._features = self._engine.image_features(inputs)
            return
        ids = processed["input_ids"][0].tolist()
        image_id = self._mllm.processor.image_token_id
        n = len(ids) - ids[::-1].index(image_id)
        state = self._engine.start()
        self._engine.read_image(state, beginning(inputs, n), keep_prefix=True)
        head = ReadHead(state, ids[:n], image_id, ids.count(image_id))
        head.expands_alone = head.expanded(self._text_ids(prompt)) == ids
        self._head = head

    def _processed(self, prompt: str) -> Any:
        """The processor's output for ``prompt`` and the image, whose size the model sees is noted.

        Raises:
            InvalidFrameError: when the image processor refuses the frame.
        """
        width_px, height_px = self._image.size
        try:
            processed = self._mllm.processor(
                text=[prompt], images=[self._image], return_tensors="pt", **self._begun(prompt)
            )
        except ValueError as error:
            raise InvalidFrameError(
                f"the image processor of {self._mllm.name} refuses the {width_px}x{height_px} "
                f"image: {error}"
            ) from error
        self._seen_size_px = self._family.seen_size_px(
            self._mllm.processor, processed, (width_px, height_px)
        )
        return processed

    def _text_ids(self, prompt: str) -> list[int]:
        """The tokens of ``prompt`` as they are without an image."""
        ids = self._mllm.processor.tokenizer(prompt, **self._begun(prompt))["input_ids"]
        return [int(id_) for id_ in ids]

    def _ids(self, prompt: str, head: ReadHead) -> list[int]:
        """The tokens of a first ``prompt`` with those of the image, which ``head`` has read."""
        if head.expands_alone:
            return head.expanded(self._text_ids(prompt))
        ids: list[int] = self._processed(prompt)["input_ids"][0].tolist()
        return ids

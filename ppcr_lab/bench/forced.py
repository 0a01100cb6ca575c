"""Making a model write a given answer, whatever its weights say.

The model computes all that it would compute for an answer of its own; then the logit of the token
that is wanted is raised above all others. That is done on the model itself, so that the pipeline's
session and ``generate()`` write the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from ppcr_lab.bench.random_tokenizer import FILLERS
from ppcr_ros.core.answer_form import AnswerForm
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.models.mllm.constrained_decoding import FormGuide
from ppcr_ros.models.mllm.json_turns import SEMANTIC_FORM, SPATIAL_FORM
from ppcr_ros.models.mllm.session import TransformersMllm

_HIGH = 1e4
_NOT_LOOKED_AT = -1
_MARK = "TURN"
_SEMANTIC = (
    '{{"intent": "find", "present": true, "unique": true, "category": "cube", '
    '"attributes": ["red"], "relations": [], "description": "{}"}}'
)
_SPATIAL = '{{"location": "{}", "extent": "all", "bbox_2d": [%s], "point_2d": [%s]}}'
_SPATIAL_SHORT = '{{"location": "{}", "bbox_2d": [%s]}}'
_BOX, _POINT = "51, 42, 93, 78", "72, 60"
"""Within every image of at least 100 by 80 pixels, also for models that answer in pixels."""


class TokenCountError(PPCRError):
    """A number of tokens that no answer has."""


def semantic_answer(mllm: TransformersMllm, n: int) -> list[int]:
    """An answer to stage 1 of exactly ``n`` tokens.

    Raises:
        TokenCountError: when there is none.
    """
    return _of_length(mllm, n, ((_SEMANTIC, SEMANTIC_FORM),), "stage 1")


def spatial_answer(mllm: TransformersMllm, n: int) -> list[int]:
    """An answer to stage 2 with a box, of exactly ``n`` tokens; in full form where it can be.

    Raises:
        TokenCountError: when there is none.
    """
    full = (_SPATIAL % (_BOX, _POINT), SPATIAL_FORM)
    ways: tuple[tuple[str, AnswerForm | None], ...] = (full,)
    if not mllm.constrain_answers:
        ways = (full, (_SPATIAL_SHORT % _BOX, None))
    return _of_length(mllm, n, ways, "stage 2")


def _of_length(
    mllm: TransformersMllm, n: int, ways: Sequence[tuple[str, AnswerForm | None]], stage: str
) -> list[int]:
    shortest = 0
    for template, form in ways:
        for words in count(1):
            fill = " ".join(FILLERS[i % len(FILLERS)] for i in range(words))
            ids = written(mllm, template.format(fill), form)
            if len(ids) == n:
                return ids
            if len(ids) > n:
                shortest = len(ids) if words == 1 else 0
                break
    least = f"; it has at least {shortest}" if shortest else ""
    raise TokenCountError(f"there is no answer of {stage} with {n} tokens{least}.")


def written(mllm: TransformersMllm, text: str, form: AnswerForm | None) -> list[int]:
    """The tokens with which ``text`` is written, those that ``form`` fills in as it fills them in.

    What is filled in is cut into tokens by itself, and so may have others than in the whole text.
    """
    tokenizer = mllm.processor.tokenizer
    if form is None:
        return [int(id_) for id_ in tokenizer(text, add_special_tokens=False)["input_ids"]]
    lead = mllm.family.answer_lead
    text = lead + text
    guide = FormGuide(form.led_by(lead), mllm.fixed_words)
    ids: list[int] = []
    while not guide.complete(ids):
        forced = list(guide.forced(ids).certain)
        if not forced:
            done = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
            rest = tokenizer(text[len(done) :], add_special_tokens=False)["input_ids"]
            if not text.startswith(done) or not rest:
                raise ValueError(f"{text!r} is no answer of the form.")
            forced = rest[:1]
        ids += forced
    return [int(id_) for id_ in ids]


@contextmanager
def forced(mllm: TransformersMllm, answers: Sequence[Sequence[int]]) -> Iterator[None]:
    """Within, the model writes ``answers``, the first to the first turn of a conversation.

    Not for models that `Engine` runs without transformers.
    """
    model, script = mllm.engine.model, _Script(mllm, answers)
    hooks = (
        model.register_forward_pre_hook(script.before, with_kwargs=True),
        model.get_output_embeddings().register_forward_hook(script.after_head),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class _Script:
    """Follows which tokens the model has read, and raises the logit of the one to come."""

    def __init__(self, mllm: TransformersMllm, answers: Sequence[Sequence[int]]) -> None:
        stop = min(mllm.stop_ids)
        self._answers = [[*answer, stop] for answer in answers]
        prompt = mllm.family.first_prompt(mllm.processor, _MARK)
        head = prompt.rpartition(_MARK)[2]
        self._head = list(mllm.processor.tokenizer(head, add_special_tokens=False)["input_ids"])
        self._ids: list[int] = []
        self._begins: list[int] = []
        """How many tokens had been read where each answer begins."""

    def before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids, cache = kwargs["input_ids"], kwargs.get("past_key_values")
        past = 0 if cache is None else cache.get_seq_length()
        self._ids = self._ids[:past] + [_NOT_LOOKED_AT] * (past - len(self._ids))
        self._begins = [begin for begin in self._begins if begin <= past]
        n = ids.shape[1]
        if n == 1:  # never looked at, for that would make an accelerator wait
            self._ids.append(_NOT_LOOKED_AT)
            return
        first = max(0, past - len(self._head) + 1)
        self._ids += ids[0].tolist()
        head, known = self._head, self._ids
        self._begins += [
            end
            for end in range(first + len(head), len(known) + 1)
            if end > past and known[end - len(head) : end] == head
        ]

    def after_head(self, module: Any, args: tuple[Any, ...], logits: Any) -> None:
        rows = logits.shape[1]
        for row in range(rows):
            read = len(self._ids) - rows + row + 1
            answer = bisect_right(self._begins, read) - 1
            if 0 <= answer < len(self._answers):
                place = read - self._begins[answer]
                if place < len(self._answers[answer]):
                    logits[0, row, self._answers[answer][place]] = _HIGH

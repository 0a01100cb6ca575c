"""Measures the parts of a session with a JSON family: what each costs, and what it saves.

All ways write the same tokens of the same answer, one way right after the other in every round, in
an order that rotates; what is told are medians over the rounds of differences within a round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from PIL import Image

from ppcr_lab.bench.baselines import Generator
from ppcr_lab.bench.forced import forced
from ppcr_lab.bench.timing import no_collection, repeated, timed
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models.mllm.constrained_decoding import FormGuide
from ppcr_ros.models.mllm.session import TransformersMllm

_GUIDE_REPEATS = 30


@dataclass(frozen=True)
class SessionParts:
    """Medians; times in milliseconds where the name does not say otherwise.

    Attributes:
        rounds: how often each way was measured.
        tokens: of the answer.
        first_token_ms: from frame and command to the first token, the prefix read from the cache.
        first_token_without_prefix_ms: with all of it read anew.
        prefix_saves_ms: what the cache of the prefix saves.
        prefix_tokens: the tokens before the image.
        prompt_tokens: all of the prompt.
        token_ms: one token of the session's greedy loop.
        generate_token_ms: one token of ``generate()``.
        answer_ms: the tokens behind the first, free and one by one.
        looked_up_saves_ms: what reading likely copies together saves against that.
        looked_up_passes: how often the model then reads something.
        held_ms: what keeping the answer to its form adds, nothing filled in.
        filled_in_saves_ms: what filling in the fixed words saves against that.
        filled_in_tokens: how many of the tokens are filled in.
        passes: how often the model reads something where they are; of a free answer, ``tokens``.
        guide_us: microseconds a token that the guide takes by itself, outside of a model.
    """

    rounds: int
    tokens: int
    first_token_ms: float
    first_token_without_prefix_ms: float
    prefix_saves_ms: float
    prefix_tokens: int
    prompt_tokens: int
    token_ms: float
    generate_token_ms: float
    answer_ms: float
    looked_up_saves_ms: float
    looked_up_passes: int
    held_ms: float
    filled_in_saves_ms: float
    filled_in_tokens: int
    passes: int
    guide_us: float

    @property
    def generate_ratio(self) -> float:
        """How many times longer ``generate()`` takes for a token."""
        return self.generate_token_ms / self.token_ms

    @property
    def held_share(self) -> float:
        """What keeping to the form adds to the writing of the answer, as a share of it."""
        return self.held_ms / self.answer_ms

    @property
    def guide_share(self) -> float:
        """The guide's own time as a share of a token's."""
        return self.guide_us / (1e3 * self.token_ms)


def measure_session(
    mllm: TransformersMllm, frame: Frame, command: str, answer: Sequence[int], *, rounds: int
) -> SessionParts:
    """Measure a session that writes ``answer``, the tokens of a first stage's in full form.

    Raises:
        ValueError: when the ways do not write the same.
    """
    turn = mllm.family.semantic_turn(command)
    prompt = mllm.family.first_prompt(mllm.processor, mllm.guard.harmless(turn.text))
    generator, n = Generator(mllm), len(answer)

    def ask(limit: int, **settings: bool) -> Any:
        with _set(mllm, **settings):
            return mllm.open(frame).ask(turn, max_new_tokens=limit, cancel=CancelToken())

    ways: dict[str, Callable[[], Any]] = {
        "free 1": partial(ask, 1),
        "free n": partial(ask, n),
        "looked up n": partial(ask, n, look_up=True),
        "generate 1": partial(generator.generate, prompt, frame, 1),
        "generate n": partial(generator.generate, prompt, frame, n),
        "held n": partial(ask, n, constrain_answers=True, fill_in=False),
        "filled in n": partial(ask, n, constrain_answers=True, fill_in=True),
        "prefix": lambda: _first_token(mllm, prompt, frame, keep_prefix=True),
        "no prefix": lambda: _first_token(mllm, prompt, frame, keep_prefix=False),
    }
    free = _set(mllm, constrain_answers=False, look_up=False)
    with free, torch.no_grad(), forced(mllm, [answer]):
        _check_same({name: ways[name]() for name in ways if name.endswith(" n")})
        found = _rounds(ways, rounds)
        passes, looked_up_passes = (
            _passes(mllm, ways[name]) for name in ("filled in n", "looked up n")
        )
        pieces = mllm.processor(
            text=[prompt], images=[Image.fromarray(frame.rgb)], return_tensors="pt"
        )
    ids = [int(id_) for id_ in pieces["input_ids"][0]]
    image = ids.index(mllm.engine.model.config.image_token_id)

    def between(more: str, less: str) -> float:
        return median(a - b for a, b in zip(found[more], found[less], strict=True))

    return SessionParts(
        rounds=rounds,
        tokens=n,
        first_token_ms=median(found["prefix"]),
        first_token_without_prefix_ms=median(found["no prefix"]),
        prefix_saves_ms=between("no prefix", "prefix"),
        prefix_tokens=image,
        prompt_tokens=len(ids),
        token_ms=between("free n", "free 1") / (n - 1),
        generate_token_ms=between("generate n", "generate 1") / (n - 1),
        answer_ms=between("free n", "free 1"),
        looked_up_saves_ms=between("free n", "looked up n"),
        looked_up_passes=looked_up_passes,
        held_ms=between("held n", "free n"),
        filled_in_saves_ms=between("held n", "filled in n"),
        filled_in_tokens=_filled_in(mllm, turn, answer),
        passes=passes,
        guide_us=guide_us(mllm, turn, answer),
    )


@contextmanager
def _set(mllm: TransformersMllm, **settings: bool) -> Iterator[None]:
    """Within, ``mllm`` writes by ``settings``, its attributes of these names."""
    before = {name: getattr(mllm, name) for name in settings}
    vars(mllm).update(settings)
    try:
        yield
    finally:
        vars(mllm).update(before)


def _first_token(mllm: TransformersMllm, prompt: str, frame: Frame, *, keep_prefix: bool) -> int:
    """The first token of an answer to ``prompt`` as the session comes to it."""
    engine = mllm.engine
    with torch.inference_mode():
        image = Image.fromarray(frame.rgb)
        inputs = engine.model_inputs(
            mllm.processor(text=[prompt], images=[image], return_tensors="pt")
        )
        step = engine.read_image(engine.start(), inputs, keep_prefix=keep_prefix)
        return int(step.logits.argmax())


def _rounds(ways: dict[str, Callable[[], Any]], n: int) -> dict[str, list[float]]:
    """The milliseconds of every way in every round."""
    names = list(ways)
    for name in names:
        ways[name]()
    found: dict[str, list[float]] = {name: [] for name in names}
    with no_collection():
        for number in range(n):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                found[name].append(1e3 * timed(ways[name])[1])
    return found


def _check_same(answers: dict[str, Any]) -> None:
    texts = {name: answer.text for name, answer in answers.items()}
    if len(set(texts.values())) != 1:
        raise ValueError(f"the ways to write an answer wrote different ones: {texts}")


def _passes(mllm: TransformersMllm, run: Callable[[], Any]) -> int:
    """How often ``run`` has the model read something."""
    passes: list[int] = []
    hook = mllm.engine.model.register_forward_pre_hook(lambda *_: passes.append(1))
    try:
        run()
    finally:
        hook.remove()
    return len(passes)


def _filled_in(mllm: TransformersMllm, turn: Turn, answer: Sequence[int]) -> int:
    """How many tokens of ``answer`` the form of ``turn`` fills in."""
    assert turn.form is not None
    guide = FormGuide(turn.form.led_by(mllm.family.answer_lead), mllm.fixed_words)
    done = filled = 0
    while done < len(answer):
        forced_now = len(guide.forced(list(answer[:done])).certain)
        filled += forced_now
        done += forced_now or 1
    return filled


def guide_us(mllm: TransformersMllm, turn: Turn, answer: Sequence[int]) -> float:
    """Microseconds a token that a guide takes for ``answer``, without what choosing freely takes.

    The answer's own tokens are the likeliest, and nothing is filled in: every token is judged.
    """
    assert turn.form is not None
    form = turn.form.led_by(mllm.family.answer_lead)
    likely = torch.zeros(len(answer), len(mllm.processor.tokenizer))
    likely[torch.arange(len(answer)), torch.tensor(list(answer))] = 1.0
    rows = list(likely)

    def guided() -> list[int]:
        guide = FormGuide(form, mllm.fixed_words)
        ids: list[int] = []
        for logits in rows:
            guide.complete(ids)
            ids.append(guide.choose(logits, ids, CancelToken()))
            guide.forced(ids)
        return ids

    def free() -> list[int]:
        return [int(logits.argmax()) for logits in rows]

    if guided() != list(answer):
        raise ValueError("the answer does not keep to the form of its question.")
    taken = repeated(guided, _GUIDE_REPEATS).p50_ms - repeated(free, _GUIDE_REPEATS).p50_ms
    return 1e3 * taken / len(answer)

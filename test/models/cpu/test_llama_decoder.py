"""The decoder for small Llama models against transformers' own, and the cached prompt beginning."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, MllmConfig
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models.cpu.llama_decoder import LlamaDecoder
from ppcr_ros.models.factory import load_mllm
from ppcr_ros.models.mllm.token_engine import MIN_PREFIX_TOKENS, Engine
from ppcr_ros.weights.location import locate

LoadTiny = Callable[[str], Any]
WITH_SYSTEM = ["qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm"]


def transformers_logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=torch.tensor([ids])).logits[0]
    return logits


def lean_of(model: Any) -> LlamaDecoder:
    return LlamaDecoder(model.model.language_model, model.get_output_embeddings())


def test_grouped_heads_and_pieces_of_any_length(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    assert LlamaDecoder.fits(model)
    ids = torch.randint(10, 200, (300,), generator=torch.Generator().manual_seed(1)).tolist()
    expected = transformers_logits(model, ids)
    decoder = lean_of(model)
    cache, place = decoder.cache(), 0
    with torch.inference_mode():
        for length in (1, 7, 1, 150, 1, 1, 139):  # beyond the first reservation
            part = torch.tensor([ids[place : place + length]])
            logits, hidden = decoder.read(cache, decoder.embed(part), keep=length)
            assert hidden.shape == (length, 64)
            torch.testing.assert_close(
                logits, expected[place : place + length], atol=2e-4, rtol=1e-4
            )
            place += length
    assert place == len(ids) == cache.get_seq_length()


def test_only_the_last_is_worked_out_unless_more_is_wanted(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    decoder = lean_of(model)
    ids = torch.tensor([[20, 30, 40, 50]])
    with torch.inference_mode():
        whole, _ = decoder.read(decoder.cache(), decoder.embed(ids), keep=4)
        last, hidden = decoder.read(decoder.cache(), decoder.embed(ids))
    assert last.shape[0] == hidden.shape[0] == 1
    torch.testing.assert_close(last[0], whole[-1])


def test_what_was_cropped_is_forgotten(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    decoder, cache = lean_of(model), lean_of(model).cache()
    with torch.inference_mode():
        decoder.read(cache, decoder.embed(torch.tensor([[20, 30, 40, 50]])))
        cache.crop(-2)
        assert cache.get_seq_length() == 2
        logits, _ = decoder.read(cache, decoder.embed(torch.tensor([[60]])))
    torch.testing.assert_close(
        logits[0], transformers_logits(model, [20, 30, 60])[-1], atol=2e-4, rtol=1e-4
    )


def test_a_conversation_longer_than_the_model_has_positions_for(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    decoder = lean_of(model)
    limit = model.config.text_config.max_position_embeddings
    with torch.inference_mode(), pytest.raises(ValueError, match=f"the model has {limit}"):
        decoder.read(decoder.cache(), decoder.embed(torch.full((1, limit + 1), 20)))


def test_the_models_own_weights_stay_as_they_were_loaded(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    lean_of(model)
    for name, weight in model.named_parameters():
        assert weight.is_contiguous()
        assert torch.equal(weight, before[name])


def test_a_token_by_itself_is_read_as_among_others(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    decoder = lean_of(model)
    ids = torch.randint(10, 200, (140,), generator=torch.Generator().manual_seed(2))
    expected = transformers_logits(model, ids.tolist())
    cache = decoder.cache()
    kept = []
    with torch.inference_mode():
        for id_ in ids.tolist():  # beyond the first reservation
            kept.append(decoder.read_token(cache, id_))
    together, hidden = (torch.cat(parts) for parts in zip(*kept, strict=True))
    torch.testing.assert_close(together, expected, atol=2e-4, rtol=1e-4)
    with torch.inference_mode():
        _, states = decoder.read(decoder.cache(), decoder.embed(ids[None]), keep=len(ids))
    torch.testing.assert_close(hidden, states, atol=2e-4, rtol=1e-4)


@pytest.fixture
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many threads of torch's."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("inner", "words", "threads", "parts"),
    [(128, 200, 1, 1), (128, 200, 2, 2), (129, 200, 2, 1), (128, 201, 2, 1)],
    indirect=["threads"],
)
def test_a_tokens_products_are_halved_where_they_have_halves(
    inner: int, words: int, threads: int, parts: int, load_tiny: LoadTiny
) -> None:
    tiny = load_tiny("llava").engine.model.model.language_model
    config = deepcopy(tiny.config)
    config.intermediate_size, config.vocab_size = inner, words
    torch.manual_seed(0)
    model, head = type(tiny)(config).eval(), torch.nn.Linear(64, words, bias=False)
    decoder = LlamaDecoder(model, head)
    assert decoder.parts == parts
    ids, cache = torch.randint(0, words, (30,)).tolist(), decoder.cache()
    with torch.inference_mode():
        expected = head(model(input_ids=torch.tensor([ids])).last_hidden_state[0])
        found = torch.cat([decoder.read_token(cache, id_)[0] for id_ in ids])
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


def test_a_token_beyond_the_models_positions(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    decoder, limit = lean_of(model), model.config.text_config.max_position_embeddings
    cache = decoder.cache()
    with torch.inference_mode():
        decoder.read(cache, decoder.embed(torch.full((1, limit), 20)))
        with pytest.raises(ValueError, match=f"the conversation has {limit + 1} tokens"):
            decoder.read_token(cache, 20)
    assert cache.get_seq_length() == limit


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm", "paligemma"])
def test_other_models_are_left_to_transformers(kind: str, load_tiny: LoadTiny) -> None:
    assert not LlamaDecoder.fits(load_tiny(kind).engine.model)


def test_a_changed_linear_layer_is_left_to_transformers(
    checkpoint: Callable[[str], Any],
) -> None:
    config = MllmConfig(family="ppcr_tiny", model=str(checkpoint("llava")), device="cpu")
    model = load_mllm(config, offline=True).engine.model

    class Quantised(torch.nn.Linear):
        pass

    model.model.language_model.layers[1].mlp.up_proj = Quantised(64, 128, bias=False)
    assert not LlamaDecoder.fits(model)


def without_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ppcr_ros.models.mllm.token_engine.MIN_PREFIX_TOKENS", 10**9)


@pytest.mark.parametrize("kind", WITH_SYSTEM)
def test_with_the_cached_beginning_all_answers_are_the_same(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)

    def talk() -> list[tuple[tuple[str, ...], np.ndarray[Any, Any]]]:
        conversation = mllm.open(frame)
        answers = [
            conversation.ask(Turn(turn), max_new_tokens=8, cancel=CancelToken())
            for turn in ("find the small green ball", "where is it in the image")
        ]
        return [(answer.tokens, answer.probabilities) for answer in answers]

    first, second = talk(), talk()
    assert mllm.engine.prefix is not None
    assert len(mllm.engine.prefix.ids) >= MIN_PREFIX_TOKENS
    without_prefix(monkeypatch)
    alone = talk()
    for kept, plain in zip(first + second, alone + alone, strict=True):
        assert kept[0] == plain[0]
        np.testing.assert_allclose(kept[1], plain[1], atol=1e-4)


@pytest.mark.parametrize("kind", WITH_SYSTEM)
def test_the_beginning_is_read_once_for_all_frames(
    kind: str, load_tiny: LoadTiny, frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    mllm = load_tiny(kind)
    mllm.open(frame).ask(Turn("find the ball"), max_new_tokens=1, cancel=CancelToken())
    lengths: list[int] = []
    embeddings = mllm.engine.model.get_input_embeddings()
    hook = embeddings.register_forward_hook(lambda _, args, output: lengths.append(output.shape[1]))
    for kept in (True, False):
        if not kept:
            without_prefix(monkeypatch)
        other = Frame(rgb=np.full((60, 90, 3), 40 if kept else 200, np.uint8))
        mllm.open(other).ask(Turn("find the red ball"), max_new_tokens=1, cancel=CancelToken())
    hook.remove()
    saved = len(mllm.engine.prefix.ids)
    assert lengths[1] - lengths[0] == saved
    assert saved > len(mllm.processor.tokenizer(mllm.family.system)["input_ids"])


def test_another_beginning_is_read_anew(load_tiny: LoadTiny, frame: Frame) -> None:
    mllm = load_tiny("qwen3_vl")
    mllm.open(frame).ask(Turn("find the ball"), max_new_tokens=1, cancel=CancelToken())
    before = mllm.engine.prefix

    class Short(type(mllm.family)):  # type: ignore[misc]
        system = "You look at one image and answer with exactly one JSON object on one line."

    other = type(mllm)("other", Short(), mllm.engine.model, mllm.processor)
    other.engine.prefix = before
    answer = other.open(frame).ask(Turn("find the ball"), max_new_tokens=5, cancel=CancelToken())
    assert other.engine.prefix.ids != before.ids
    afresh = type(mllm)("other", Short(), mllm.engine.model, mllm.processor)
    again = afresh.open(frame).ask(Turn("find the ball"), max_new_tokens=5, cancel=CancelToken())
    assert answer.tokens == again.tokens


def test_a_short_beginning_is_not_kept(load_tiny: LoadTiny, frame: Frame) -> None:
    for kind in ("llava", "paligemma"):
        mllm = load_tiny(kind)
        mllm.open(frame).ask(Turn("find the ball"), max_new_tokens=1, cancel=CancelToken())
        assert mllm.engine.prefix is None


@pytest.mark.parametrize("kind", ["qwen3_vl", "llava"])
def test_reading_together_is_reading_one_by_one(kind: str, load_tiny: LoadTiny) -> None:
    engine: Engine = load_tiny(kind).engine
    ids = [20, 30, 40, 50, 60]
    with torch.inference_mode():
        together = engine.start()
        steps = engine.read_all(together, ids)
        apart = engine.start()
        for id_, step in zip(ids, steps, strict=True):
            alone = engine.read(apart, [id_])
            torch.testing.assert_close(step.logits, alone.logits, atol=2e-4, rtol=1e-4)
            torch.testing.assert_close(step.hidden, alone.hidden, atol=2e-4, rtol=1e-4)


def test_the_embedded_models_answers_are_those_of_generate() -> None:
    for weights in locate(Config()):
        if weights.place is None:
            pytest.skip(f"the embedded {weights.role} is not in this checkout: {weights.problem}")
    if importlib.util.find_spec("segment_anything") is None:
        pytest.skip("segment_anything is not installed")
    from ppcr_lab.bench.baselines import Generator
    from ppcr_ros.service.warm_up import drawn_ball

    mllm = load_mllm(MllmConfig(device="cpu"), offline=True)
    assert LlamaDecoder.fits(mllm.engine.model)
    frame = drawn_ball()
    for command in ("the black ball", "um, hand me the red mug left of the plate please"):
        prompt = mllm.family.first_prompt(mllm.processor, command)
        expected = Generator(mllm).generate(prompt, frame, 40)
        answer = mllm.open(frame).ask(Turn(command), max_new_tokens=40, cancel=CancelToken())
        assert answer.tokens == expected.answer.tokens

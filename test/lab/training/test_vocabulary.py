"""Words that weights have no token for get one of their own."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.training.tiny_checkpoint import (  # noqa: E402
    build_model,
    extended_tokenizer,
    load_checkpoint,
    load_tokenizer,
    train_tokenizer,
    with_vocabulary,
)
from ppcr_ros.models.mllm.tiny_understanding import loc_token  # noqa: E402
from ppcr_ros.weights.location import EMBEDDED_FOLDER  # noqa: E402


def test_new_words_get_tokens_behind_those_that_are_there() -> None:
    before = load_tokenizer(EMBEDDED_FOLDER / "mllm")
    corpus = ["zucchini the red ball"] * 50 + ["once", "twice"]
    after = extended_tokenizer(before, corpus)
    assert len(after) == len(before) + 1
    assert after("zucchini", add_special_tokens=False)["input_ids"] == [len(before)]
    for text in ("the red ball", "<|user|> put it", loc_token(7), "plates and trays"):
        assert after(text)["input_ids"] == before(text)["input_ids"]
    assert after.pad_token_id == before.pad_token_id
    assert after.eos_token_id == before.eos_token_id


def test_what_has_all_the_words_stays_as_it_is() -> None:
    before = load_tokenizer(EMBEDDED_FOLDER / "mllm")
    after = extended_tokenizer(before, ["the red ball"] * 60)
    assert after.get_vocab() == before.get_vocab()
    model = build_model(before)
    assert with_vocabulary(model, before, after) is model


def test_a_new_word_begins_as_the_mean_of_its_pieces() -> None:
    before = load_tokenizer(EMBEDDED_FOLDER / "mllm")
    after = extended_tokenizer(before, ["zucchini"] * 50)
    known = load_checkpoint(EMBEDDED_FOLDER / "mllm")
    table = known.get_input_embeddings().weight.detach().clone()
    model = with_vocabulary(known, before, after)
    pieces = before("zucchini", add_special_tokens=False)["input_ids"]
    assert len(pieces) > 1
    grown = model.get_input_embeddings().weight.detach()
    assert torch.equal(grown[: len(table)], table)
    assert torch.allclose(grown[len(before)], table[pieces].mean(dim=0))
    assert model.get_output_embeddings().weight.shape[0] == len(after)


def test_seldom_words_and_all_too_many_get_none() -> None:
    before = train_tokenizer(["the red ball"] * 3, vocab_size=260)
    corpus = ["kangaroo"] * 50 + ["wallaby"] * 60 + ["koala"] * 3
    after = extended_tokenizer(before, corpus, most=1)
    assert len(after) == len(before) + 1
    assert len(after("wallaby", add_special_tokens=False)["input_ids"]) == 1

"""Words and points of the semantic prompt as tokens of the embedded Sam's mask decoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the segmenters need torch")

from ppcr_ros.core.config import SegmenterConfig  # noqa: E402
from ppcr_ros.core.errors import ModelLoadError, SegmentationError  # noqa: E402
from ppcr_ros.core.types import Frame, Seen, SemanticPrompt, SpatialPrompt  # noqa: E402
from ppcr_ros.models.segmenters.object_hint import NO_HINT, ObjectHint  # noqa: E402
from ppcr_ros.models.segmenters.prompt_words import PromptWords, hint_tokens  # noqa: E402
from ppcr_ros.models.segmenters.sam_architecture import (  # noqa: E402
    SamArchitecture,
    build_sam,
    load_architecture,
    load_sam,
    save_sam,
)
from ppcr_ros.models.segmenters.segment_anything_segmenter import (  # noqa: E402
    SegmentAnythingSegmenter,
    load,
)

WORDS = ("small", "red", "white", "mug")
SMALL = SamArchitecture(
    image_size_px=64, embed_dim=16, depth=1, num_heads=2, global_attn_indexes=(0,),
    prompt_embed_dim=16, mask_in_chans=4, decoder_mlp_dim=32, decoder_num_heads=2,
    iou_head_hidden_dim=16, words=WORDS,
)  # fmt: skip
MUG = SemanticPrompt("red mug: ...", "mug", ("red",), seen=(Seen("small red mug", 0.5, 0.5),))
BOX = SpatialPrompt("middle centre", np.array([20, 12, 44, 36], np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small Sam with random words, saved."""
    torch.manual_seed(0)
    sam = build_sam(SMALL)
    for parameter in sam.prompt_words.parameters():
        torch.nn.init.normal_(parameter)
    save_sam(sam, SMALL, tmp_path / "sam")
    return tmp_path / "sam"


def segmenter_of(folder: Path) -> SegmentAnythingSegmenter:
    config = SegmenterConfig(model=str(folder), dtype="float32", device="cpu")
    return load(config, offline=True)


def frame() -> Frame:
    rng = np.random.default_rng(3)
    return Frame(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8))


def test_a_phrase_is_the_sum_of_the_words_that_are_known() -> None:
    network = PromptWords(WORDS, 8)
    torch.nn.init.normal_(network.called)
    torch.nn.init.normal_(network.nameless)
    counts = torch.stack([network.counts(w) for w in ("the small red-white MUG", "blue thing", "")])
    assert counts.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    tokens = network(counts, torch.zeros(3, 8), torch.zeros(3, dtype=torch.bool))
    torch.testing.assert_close(tokens[0, 0], network.called.sum(0))
    torch.testing.assert_close(tokens[1, 0], network.nameless)
    torch.testing.assert_close(tokens[2, 0], network.nameless)


def test_a_point_is_encoded_as_the_library_encodes_points(folder: Path) -> None:
    sam = load_sam(folder)
    point = np.array([10.0, 20.0], np.float32)
    with torch.no_grad():
        tokens = hint_tokens(sam, [ObjectHint("mug", point), NO_HINT])
        library, _ = sam.prompt_encoder(
            points=(torch.from_numpy(point)[None, None], torch.ones(1, 1)), boxes=None, masks=None
        )
    own = library[0, 0] - sam.prompt_encoder.point_embeddings[1].weight[0]
    torch.testing.assert_close(tokens[0, 1], own + sam.prompt_words.seen)
    torch.testing.assert_close(tokens[1, 1], sam.prompt_words.unseen)
    assert tokens.shape == (2, 2, 16)


def test_words_are_saved_and_loaded(folder: Path) -> None:
    assert load_architecture(folder).words == WORDS
    again = load_sam(folder)
    assert again.prompt_words.counts("white mug").tolist() == [0, 0, 1, 1]
    assert again.prompt_words.called.abs().sum().item() > 0


def test_a_folder_with_words_that_are_no_words_is_refused(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"small"', "7"))
    with pytest.raises(ModelLoadError, match="words is"):
        load_architecture(folder)


def test_both_prompts_guide_the_mask(folder: Path) -> None:
    segmenter = segmenter_of(folder)
    encoded = segmenter.encode(frame())
    scores = {
        name: segmenter.segment(encoded, semantic, BOX).scores
        for name, semantic in {
            "box": None,
            "both": MUG,
            "other words": replace(MUG, seen=(Seen("white mug", 0.5, 0.5),)),
            "other place": replace(MUG, seen=(Seen("small red mug", 0.6, 0.4),)),
            "unknown words": replace(MUG, category="cup", attributes=("huge",), seen=()),
        }.items()
    }
    assert not np.array_equal(scores["box"], scores["both"])
    assert not np.array_equal(scores["both"], scores["other words"])
    assert not np.array_equal(scores["both"], scores["other place"])
    np.testing.assert_array_equal(scores["box"], scores["unknown words"])


def test_the_semantic_prompt_alone_is_enough_where_it_has_a_place(folder: Path) -> None:
    segmenter = segmenter_of(folder)
    encoded = segmenter.encode(frame())
    assert segmenter.segment(encoded, MUG, None).masks.shape[1:] == (48, 64)
    with pytest.raises(SegmentationError, match="without a place"):
        segmenter.segment(encoded, replace(MUG, seen=()), None)


def test_a_sam_without_words_is_left_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plain = replace(SMALL, words=())
    save_sam(build_sam(plain), plain, tmp_path / "sam")
    segmenter = segmenter_of(tmp_path / "sam")
    encoded = segmenter.encode(frame())
    alone = segmenter.segment(encoded, None, BOX)
    told = segmenter.segment(encoded, MUG, BOX)
    np.testing.assert_array_equal(alone.masks, told.masks)
    with pytest.raises(SegmentationError, match="no prompt adapter"):
        segmenter.segment(encoded, MUG, None)

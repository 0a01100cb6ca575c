"""PaliGemma's task prompts, phrases and location tokens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import SemanticPrompt
from ppcr_ros.models.mllm.paligemma import FAMILY

MakeAnswer = Callable[..., Answer]
BOX = "<loc0256><loc0128><loc0768><loc0512>"


def box_of(text: str, size: tuple[int, int] = (1023, 1023)) -> list[float]:
    prompt = FAMILY.parse_spatial(Answer(text=text), width_px=size[0], height_px=size[1])
    values: list[float] = prompt.box_xyxy_px.tolist()
    return values


@pytest.mark.parametrize(
    "text",
    [
        f"{BOX} ball",
        BOX,
        f"{BOX} ball ; <loc0000><loc0000><loc0100><loc0100> ball",
        f"{BOX} ball ; {BOX} ball",
        f"{BOX}<seg001><seg127> ball",
        f"here: {BOX}",
        "<loc0768><loc0512><loc0256><loc0128> ball",
        "<loc0256> <loc0128> <loc0768> <loc0512> ball",
    ],
)
def test_reads_y_before_x(text: str) -> None:
    assert box_of(text) == [128.0, 256.0, 512.0, 768.0]


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (33, 1001), (2000, 48)])
def test_bins_span_the_frame_along_each_side(size: tuple[int, int]) -> None:
    np.testing.assert_allclose(
        box_of(BOX, size),
        [x * size[n] / 1023 for x, n in ((128, 0), (256, 1), (512, 0), (768, 1))],
        rtol=1e-6,
    )


@pytest.mark.parametrize("text", ["", "  ", "none", "There is no ball."])
def test_nothing_detected_is_an_outcome(text: str) -> None:
    with pytest.raises(TargetNotFound):
        FAMILY.parse_spatial(Answer(text=text), width_px=640, height_px=480)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a green ball", "0 location tokens"),
        ("<loc0256><loc0128><loc0768> ball", "3 location tokens"),
        ("<loc0256><loc0128> ball <loc0768><loc0512>", "4 in a row"),
        ("<loc0256><loc0128><loc0256><loc0512> ball", "two different corners"),
        ("<loc0256><loc0128><loc9999><loc0512> ball", "at most 1023"),
    ],
)
def test_an_unreadable_box_says_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(PromptParseError, match=told):
        FAMILY.parse_spatial(Answer(text=text), width_px=640, height_px=480)


def test_a_cut_off_box_names_the_option() -> None:
    answer = Answer(text="<loc0256><loc0128>", truncated=True)
    with pytest.raises(PromptParseError, match=r"mllm\.max_new_tokens_spatial"):
        FAMILY.parse_spatial(answer, width_px=640, height_px=480)


def test_confidence_is_that_of_the_location_tokens(answer_of: MakeAnswer) -> None:
    answer = answer_of(f"{BOX} ball", unsure={"ball": 0.01, "<loc0768>": 1 / 16})
    prompt = FAMILY.parse_spatial(answer, width_px=640, height_px=480)
    assert prompt.confidence == pytest.approx(0.5)
    assert prompt.text == "ball"


@pytest.mark.parametrize(
    ("text", "category", "attributes", "relations"),
    [
        ("ball", "ball", (), ()),
        ("A small green ball.", "ball", ("small", "green"), ()),
        ("the red mug left of the plate", "mug", ("red",), ("left of the plate",)),
        ("it is a mug on the left", "mug", (), ("on the left",)),
        ("red mug in front of the box", "mug", ("red",), ("in front of the box",)),
        # No noun before the relation: taken as it stands.
        ("left of the cup", "cup", ("left", "of", "the"), ()),
    ],
)
def test_reads_a_phrase(
    text: str, category: str, attributes: tuple[str, ...], relations: tuple[str, ...]
) -> None:
    prompt = FAMILY.parse_semantic(Answer(text=text))
    assert (prompt.category, prompt.attributes, prompt.relations) == (
        category, attributes, relations,
    )  # fmt: skip
    assert prompt.present


@pytest.mark.parametrize("text", ["none", "nothing", "There is no ball"])
def test_a_denied_object_is_absent(text: str) -> None:
    assert not FAMILY.parse_semantic(Answer(text=text)).present


@pytest.mark.parametrize("text", ["", "unanswerable", "yes", "...", "word " * 40, "<loc0001>"])
def test_no_phrase_is_refused(text: str) -> None:
    with pytest.raises(PromptParseError, match="short phrase"):
        FAMILY.parse_semantic(Answer(text=text))


def test_detects_the_whole_phrase() -> None:
    semantic = SemanticPrompt(
        text="x", category="Ball", attributes=("small", "green"), relations=("left; of\nit",)
    )
    assert FAMILY.spatial_turn(semantic).text == "detect small green ball left of it"


def test_a_repair_asks_for_the_same_object_in_another_way() -> None:
    assert FAMILY.repair_turn(Turn("detect green ball"), "no box").text == "segment green ball"
    asked = FAMILY.semantic_turn('the "red" one')
    repaired = FAMILY.repair_turn(asked, "no phrase")
    assert repaired != asked
    assert '"the \\"red\\" one"' in repaired.text


def test_neighbouring_bins_count_together() -> None:
    names = FAMILY.neighbour_tokens("<loc0002>")
    assert names[0] == "<loc0000>"
    assert "<loc0002>" in names
    assert FAMILY.neighbour_tokens("<loc1023>")[-1] == "<loc1023>"
    assert FAMILY.neighbour_tokens("ball") == ("ball",)


_PARTS = st.sampled_from(
    ["<loc0000>", "<loc0512>", "<loc1023>", "<loc1024>", " ; ", "ball", " no "]
)


@given(text=st.text(max_size=80) | st.lists(_PARTS, max_size=12).map("".join))
@settings(max_examples=200, deadline=None)
def test_any_answer_is_read_or_refused(text: str) -> None:
    answer = Answer(text=text)
    with suppress(PromptParseError):
        assert FAMILY.parse_semantic(answer).category
    with suppress(PromptParseError, TargetNotFound):
        box = FAMILY.parse_spatial(answer, width_px=640, height_px=480).box_xyxy_px
        assert 0 <= box[0] < box[2] <= 640
        assert 0 <= box[1] < box[3] <= 480


def test_direct_grounding_detects_what_the_command_says() -> None:
    assert FAMILY.direct_turn("The red\n mug; left").text == "detect the red mug left"

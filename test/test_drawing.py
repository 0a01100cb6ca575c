"""Overlays and contact sheets, looked at pixel by pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ppcr_ros import drawing
from ppcr_ros.core.types import (
    Array,
    Candidate,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    Status,
)
from ppcr_ros.drawing import (
    BOX_RGB,
    CANDIDATE_RGB,
    DESTINATION_RGB,
    MASK_RGB,
    STATUS_RGB,
    Tile,
    contact_sheet,
    draw_overlay,
    draw_result,
    short_label,
)


@pytest.fixture
def rgb() -> Array:
    return np.full((120, 160, 3), 100, np.uint8)


@pytest.fixture
def mask() -> Array:
    mask = np.zeros((120, 160), np.bool_)
    mask[40:80, 50:100] = True
    return mask


def result(status: Status, mask: Array | None) -> Result:
    return Result(
        status,
        "the green ball",
        semantic=SemanticPrompt("green ball", "ball", ("green",)),
        segmentation=None if mask is None else Segmentation.from_mask(mask, 0.93),
        spatial=SpatialPrompt("box", np.array([50, 40, 100, 80], np.float32)),
    )


def test_the_mask_is_tinted_and_outlined_and_nothing_else(rgb: Array, mask: Array) -> None:
    drawn = draw_overlay(rgb, mask, alpha=0.5)
    inside = drawn[60, 75]
    assert tuple(inside) == tuple(round(50 + value / 2) for value in MASK_RGB)
    assert tuple(drawn[40, 75]) == MASK_RGB
    assert tuple(drawn[60, 50]) == MASK_RGB
    assert drawn[39, 75].sum() < 300  # the dark line outside
    untouched = np.ones_like(mask)
    untouched[38:82, 48:102] = False
    np.testing.assert_array_equal(drawn[untouched], rgb[untouched])


def test_the_image_itself_is_left_as_it_is(rgb: Array, mask: Array) -> None:
    before = rgb.copy()
    drawn = draw_overlay(rgb, mask, np.array([50, 40, 100, 80], np.float32), label="ball")
    np.testing.assert_array_equal(rgb, before)
    assert drawn.shape == rgb.shape
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, (100, 100, 100)), (1.0, MASK_RGB)])
def test_alpha_is_the_opacity_of_the_tint(
    rgb: Array, mask: Array, alpha: float, expected: tuple[int, int, int]
) -> None:
    assert tuple(draw_overlay(rgb, mask, alpha=alpha)[60, 75]) == expected


def test_the_box_is_half_open(rgb: Array) -> None:
    drawn = draw_overlay(rgb, box_xyxy_px=np.array([20, 30, 60, 70], np.float32))
    for row, column in ((30, 20), (30, 59), (69, 20), (69, 59)):
        assert tuple(drawn[row, column]) == BOX_RGB
    assert tuple(drawn[50, 60]) != BOX_RGB
    assert tuple(drawn[50, 40]) == (100, 100, 100)


def test_a_box_has_four_sides_with_a_dark_line_on_both_sides_of_each(rgb: Array) -> None:
    drawn = draw_overlay(rgb, box_xyxy_px=np.array([20, 30, 60, 70], np.float32))
    yellow = (drawn == BOX_RGB).all(axis=2)
    sides = np.zeros_like(yellow)
    sides[30:70, 20:60] = True
    sides[31:69, 21:59] = False
    np.testing.assert_array_equal(yellow, sides)
    dark = (drawn != rgb).any(axis=2) & ~yellow
    expected = np.zeros_like(dark)
    expected[29:71, 19:61] = True
    expected[32:68, 22:58] = False
    np.testing.assert_array_equal(dark, expected & ~sides)


def test_of_a_box_across_the_edge_only_the_part_in_the_image_is_drawn(rgb: Array) -> None:
    drawn = draw_overlay(rgb, box_xyxy_px=np.array([-50, -40, 60, 70], np.float32))
    yellow = (drawn == BOX_RGB).all(axis=2)
    sides = np.zeros_like(yellow)
    sides[:70, :60] = True
    sides[:69, :59] = False
    np.testing.assert_array_equal(yellow, sides)
    np.testing.assert_array_equal(drawn[71:], rgb[71:])
    np.testing.assert_array_equal(drawn[:, 61:], rgb[:, 61:])


def test_a_mask_that_touches_every_edge_is_drawn(rgb: Array) -> None:
    drawn = draw_overlay(rgb, np.ones(rgb.shape[:2], np.bool_), alpha=0.0)
    np.testing.assert_array_equal(drawn, rgb)


@pytest.mark.parametrize("box", [[-50, -40, 500, 400], [150, 110, 160, 120], [0, 0, 1, 1]])
def test_boxes_at_and_beyond_the_edge_are_drawn(rgb: Array, box: list[float]) -> None:
    drawn = draw_overlay(rgb, None, np.array(box, np.float32), label="a label that is long")
    assert drawn.shape == rgb.shape
    assert not np.array_equal(drawn, rgb)


def test_a_one_pixel_image_can_be_drawn_on() -> None:
    drawn = draw_overlay(
        np.zeros((1, 1, 3), np.uint8),
        np.ones((1, 1), np.bool_),
        np.array([0, 0, 1, 1], np.float32),
        label="x",
    )
    assert drawn.shape == (1, 1, 3)


def test_a_mask_of_another_size_is_refused(rgb: Array) -> None:
    with pytest.raises(ValueError, match=r"\(5, 5\); expected the image's \(120, 160\)"):
        draw_overlay(rgb, np.ones((5, 5), np.bool_))


def test_a_read_only_image_can_be_drawn_on(rgb: Array, mask: Array) -> None:
    rgb.flags.writeable = False
    assert tuple(draw_overlay(rgb, mask, alpha=1.0)[60, 75]) == MASK_RGB


def test_a_result_is_labelled_with_what_and_how_sure(mask: Array) -> None:
    assert short_label(result(Status.OK, mask)) == "green ball 0.93"
    assert short_label(result(Status.LOW_CONFIDENCE, mask)) == "LOW_CONFIDENCE green ball 0.93"
    assert short_label(result(Status.NOT_FOUND, None)) == "NOT_FOUND green ball"
    assert short_label(result(Status.AMBIGUOUS, None)) == "AMBIGUOUS green ball"
    assert short_label(Result(Status.ERROR, "x")) == "ERROR"


@pytest.mark.parametrize("status", [Status.ERROR, Status.AMBIGUOUS])
def test_a_run_without_a_mask_does_not_look_like_an_untouched_image(
    rgb: Array, status: Status
) -> None:
    drawn = draw_result(rgb, Result(status, "the ball"))
    assert (drawn == STATUS_RGB[status]).all(axis=-1).any()


def test_a_low_confidence_mask_has_another_colour(rgb: Array, mask: Array) -> None:
    sure = draw_result(rgb, result(Status.OK, mask))
    unsure = draw_result(rgb, result(Status.LOW_CONFIDENCE, mask))
    assert tuple(sure[60, 75]) != tuple(unsure[60, 75])


def test_every_status_has_a_colour_on_which_white_text_is_read() -> None:
    assert set(STATUS_RGB) == set(Status)
    for red, green, blue in STATUS_RGB.values():
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue < 140


def test_a_sheet_holds_every_tile_in_rows(rgb: Array) -> None:
    one = contact_sheet([Tile(rgb)], 3, tile_width_px=160)
    four = contact_sheet([Tile(rgb)] * 4, 3, tile_width_px=160)
    assert four.shape[1] > 3 * 160
    assert four.shape[0] > 2 * 120
    assert one.shape[1] < 2 * 160  # no empty columns


def test_more_text_makes_a_taller_tile_and_is_wrapped(rgb: Array) -> None:
    short = contact_sheet([Tile(rgb, ("one line",))], tile_width_px=200)
    long = contact_sheet([Tile(rgb, ("many words " * 20,))], tile_width_px=200)
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0] + 80


def test_the_header_bar_has_the_colour_of_the_status(rgb: Array) -> None:
    sheet = contact_sheet([Tile(rgb, header="ERROR", status=Status.ERROR)], tile_width_px=160)
    assert (sheet == STATUS_RGB[Status.ERROR]).all(axis=-1).sum() > 1000


@pytest.mark.parametrize(
    "text", ["Glühwürmchen über çà", "球を取って", "", "a\nb", "w" * 500, "\U0001f600"]
)
def test_any_text_can_be_drawn(rgb: Array, text: str) -> None:
    sheet = contact_sheet([Tile(rgb, (text,), header=text)], tile_width_px=160, title=text)
    assert sheet.ndim == 3


def test_any_text_can_be_drawn_with_the_bitmap_font_of_an_old_pillow(
    rgb: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    bitmap = drawing.ImageFont.load_default_imagefont()
    monkeypatch.setattr(drawing, "load_font", lambda size_px: bitmap)
    sheet = contact_sheet([Tile(rgb, ("球 ü",), header="球")], tile_width_px=160)
    assert sheet.ndim == 3


def test_a_sheet_of_nothing_is_refused(rgb: Array) -> None:
    with pytest.raises(ValueError, match="0 tiles in 3 columns"):
        contact_sheet([])
    with pytest.raises(ValueError, match="1 tiles in 0 columns"):
        contact_sheet([Tile(rgb)], 0)


def test_candidates_and_a_destination_are_drawn_in_colours_of_their_own(rgb: Array) -> None:
    height, width = rgb.shape[:2]
    place = np.zeros((height, width), bool)
    place[height // 2 :, : width // 3] = True
    box = np.array([1, 1, width // 2, height // 2], np.float32)
    asked = Result(Status.AMBIGUOUS, "x", candidates=(Candidate(1, box, None, "red mug"),))
    assert CANDIDATE_RGB in {tuple(pixel) for pixel in draw_result(rgb, asked).reshape(-1, 3)}
    whole = np.zeros((height, width), bool)
    whole[: height // 3, width // 2 :] = True
    bowl = Segmentation.from_mask(place, 0.9).instances[0]
    found = replace(Segmentation.from_mask(whole, 0.9), destination=bowl)
    drawn = draw_result(rgb, Result(Status.OK, "x", segmentation=found))
    assert DESTINATION_RGB in {tuple(pixel) for pixel in drawn.reshape(-1, 3)}

"""Report of the demonstration: the lines it prints and the pictures it draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ppcr_lab.demo.demo_report import TABLE_WIDTH, DemoOutcome, draw_sheet, format_table, summary
from ppcr_ros.core.types import Status


@pytest.fixture
def outcome() -> DemoOutcome:
    """A right answer: the mask is the truth."""
    mask = np.zeros((60, 80), bool)
    mask[20:40, 30:50] = True
    return DemoOutcome(
        command="could you grab the small green ball please",
        status=Status.OK,
        message="",
        semantic_text="small green ball",
        spatial_text="box 30 20 50 40",
        score=0.876,
        seconds=1.25,
        rgb=np.full((60, 80, 3), 90, np.uint8),
        mask=mask,
        box_xyxy_px=np.array([30, 20, 50, 40], np.float32),
        truth=mask.copy(),
    )


def test_right_and_wrong(outcome: DemoOutcome) -> None:
    assert outcome.iou == 1.0
    assert outcome.right
    shifted = replace(outcome, mask=np.roll(outcome.mask, 10, axis=1))
    assert shifted.iou == pytest.approx(1 / 3)
    assert not shifted.right
    missed = replace(outcome, status=Status.NOT_FOUND, mask=None)
    assert (missed.iou, missed.right, missed.score_text) == (0.0, False, "-")
    absent = replace(outcome, truth=None)
    assert (absent.iou, absent.right, absent.iou_text) == (None, False, "absent")
    assert replace(absent, status=Status.NOT_FOUND, mask=None).right
    assert not replace(absent, status=Status.PARSE_FAILED, mask=None).right
    several = replace(absent, ambiguous=True)
    assert several.iou_text == "several"
    assert replace(several, status=Status.AMBIGUOUS, mask=None).right
    assert not replace(several, status=Status.NOT_FOUND, mask=None).right


def test_table_fits_the_terminal_and_loses_no_word(outcome: DemoOutcome) -> None:
    long = replace(
        outcome,
        command="robot, " + "would you be so kind as to bring me " * 4 + "the ball",
        semantic_text="the small green ball that lies to the left of everything else there is",
        status=Status.LOW_CONFIDENCE,
        seconds=123.456,
    )
    table = format_table([outcome, long, replace(outcome, semantic_text="", spatial_text="")])
    assert max(map(len, table.splitlines())) <= TABLE_WIDTH
    words = table.split()
    for word in (*long.command.split(), *long.semantic_text.split()):
        assert word in words
    assert {"0.88", "1.00", "1.25", "123.46"} <= set(words)
    assert "LOW_CONFIDENCE" in words


def test_spatial_prompt_is_shown_in_words_and_pixels(outcome: DemoOutcome) -> None:
    said = replace(outcome, spatial_text="middle centre <loc053> <loc012><loc070><loc020>")
    assert said.spatial_summary == "middle centre [30 20 50 40]"
    assert replace(said, box_xyxy_px=None).spatial_summary == "middle centre"
    assert replace(said, spatial_text="<loc053>").spatial_summary == "[30 20 50 40]"


def test_summary_counts_and_averages(outcome: DemoOutcome) -> None:
    absent = replace(outcome, truth=None, mask=None, status=Status.NOT_FOUND)
    missed = replace(outcome, mask=None, status=Status.ERROR)
    assert summary([outcome, absent, missed]) == (
        "2 of 3 right (mask IoU of at least 0.5; NOT_FOUND where none fits, AMBIGUOUS where "
        "several do), mean IoU 0.50"
    )
    assert "mean" not in summary([absent])


def test_sheet_shows_every_kind_of_answer(outcome: DemoOutcome) -> None:
    kinds = [replace(outcome, status=status, message="why") for status in Status]
    kinds.append(replace(outcome, mask=None, box_xyxy_px=None, truth=None))
    sheet = draw_sheet(kinds, "title")
    assert sheet.dtype == np.uint8
    assert sheet.ndim == 3
    assert sheet.shape[2] == 3
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 20

"""Photographs that a user names, with boxes in a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppcr_lab.evaluation.referring_files import DataSetError
from ppcr_lab.evaluation.samples import open_data_set
from ppcr_ros.core.types import Status


def album(folder: Path, rows: str) -> Path:
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(folder / "table.jpg")
    text = f"# Photographs\n\n| picture | command: box |\n|---|---|\n{rows}\n\nSaid of them.\n"
    (folder / "README.md").write_text(text, encoding="utf-8")
    return folder


def test_boxes_and_what_is_not_there_are_read(tmp_path: Path) -> None:
    row = "| table.jpg | the blue mug: 4,8,20,30 · the ball: absent · the cup: ambiguous |"
    samples, count = open_data_set("worlds:photos", limit=None, root=album(tmp_path, row))
    mug, ball, cup = samples
    assert count == 3
    assert (mug.command, mug.kind, mug.expected_status) == ("the blue mug", "present", Status.OK)
    assert mug.mask is None
    assert mug.box_xyxy_px is not None
    assert mug.box_xyxy_px.tolist() == [4, 8, 20, 30]
    assert mug.frame.rgb.shape == (48, 64, 3)
    assert (ball.kind, ball.expected_status, ball.box_xyxy_px) == ("absent", Status.NOT_FOUND, None)
    assert (cup.kind, cup.expected_status) == ("ambiguous", Status.AMBIGUOUS)


def test_one_may_begin_later(tmp_path: Path) -> None:
    row = "| table.jpg | the mug: 4,8,20,30 · the ball: absent |"
    samples, count = open_data_set("worlds:photos", limit=None, start=1, root=album(tmp_path, row))
    assert [sample.command for sample in samples] == ["the ball"]
    assert count == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("| table.jpg | the mug |", "'the mug' is not understood"),
        ("| table.jpg | the mug: 20,8,4,30 |", "expected 'COMMAND: x1,y1,x2,y2'"),
        ("| table.jpg | the mug: 1,2,3 |", "expected 'COMMAND: x1,y1,x2,y2'"),
        ("no table", "no row that begins with a picture"),
    ],
)
def test_a_bad_table_is_refused_at_once(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataSetError, match=message):
        open_data_set("worlds:photos", limit=None, root=album(tmp_path, row))


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"README\.md"):
        open_data_set("worlds:photos", limit=None, root=tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("| table.jpg | the mug: 4,8,65,30 |", "is 64x48 and the box"),
        ("| chair.jpg | the mug: 4,8,20,30 |", "cannot read the photograph"),
    ],
)
def test_a_picture_that_does_not_fit_is_told(tmp_path: Path, row: str, message: str) -> None:
    samples, _ = open_data_set("worlds:photos", limit=None, root=album(tmp_path, row))
    with pytest.raises(DataSetError, match=message):
        next(samples)

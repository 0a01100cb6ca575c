"""`ppcr segment`: answers, files, and images of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppcr_ros import cli
from ppcr_ros.core.config import Config


def test_segment_prints_the_three_stages(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the green ball"]) == 0
    shown = capsys.readouterr().out
    assert "status    OK" in shown
    assert "semantic  the green ball  (0.90)" in shown
    assert "spatial   box (10, 10, 30, 30) px" in shown
    assert "mask      400 px in (10, 10, 30, 30) px, score 0.9" in shown


def test_segment_prints_json(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the green ball", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == "OK"
    assert found["semantic_prompt"]["category"] == "ball"
    assert found["spatial_prompt"]["box_xyxy_px"] == [10, 10, 30, 30]
    assert found["segmentation"]["area_px"] == 400
    assert found["models"] == {"mllm": "scripted-mllm", "segmenter": "scripted-segmenter"}


def test_segment_writes_overlay_and_mask_into_folders_that_it_makes(
    loaded: list[Config], image: Path, tmp_path: Path
) -> None:
    out, mask = tmp_path / "new" / "overlay.png", tmp_path / "other" / "mask.png"
    arguments = ["segment", str(image), "the green ball", "--out", str(out), "--mask", str(mask)]
    assert cli.main(arguments) == 0
    pixels = np.array(Image.open(mask))
    assert set(np.unique(pixels)) == {0, 255}
    assert int((pixels == 255).sum()) == 400
    assert not np.array_equal(np.array(Image.open(out)), np.array(Image.open(image)))


def test_an_earlier_answers_mask_is_not_passed_off_as_this_ones(
    loaded: list[Config], image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = tmp_path / "mask.png"
    assert cli.main(["segment", str(image), "the green ball", "--mask", str(mask)]) == 0
    assert f"wrote     {mask}" in capsys.readouterr().out
    assert cli.main(["segment", str(image), "the unicorn", "--mask", str(mask)]) == 1
    shown = capsys.readouterr().out
    assert "wrote" not in shown
    assert f"removed   {mask}" in shown
    assert not mask.exists()


@pytest.mark.parametrize("option", ["--out", "--mask", "--ids"])
def test_the_image_that_is_read_is_never_written_over(
    image: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    before = image.read_bytes()
    assert cli.main(["segment", str(image), "the unicorn", option, str(image)]) == 2
    assert "is read by this command" in capsys.readouterr().err
    assert image.read_bytes() == before


def test_two_pictures_do_not_go_into_one_file(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = str(tmp_path / "both.png")
    assert cli.main(["segment", str(image), "the mug", "--out", both, "--mask", both]) == 2
    assert "is written by this command" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["overlay.xyz", "overlay", "overlay.txt"])
def test_what_is_no_picture_by_its_name_is_refused_before_anything_is_loaded(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert cli.main(["segment", str(image), "the mug", "--out", str(tmp_path / name)]) == 2
    assert "no format of pictures; use .png" in capsys.readouterr().err


def test_a_picture_of_many_pixels_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "wide.png"
    Image.new("1", (12000, 8000)).save(path)
    assert cli.main(["segment", str(path), "the mug"]) == 2
    assert "96.0 megapixels" in capsys.readouterr().err
    assert not recwarn.list


@pytest.mark.parametrize(
    ("command", "status"),
    [("the unicorn", "NOT_FOUND"), ("nonsense", "PARSE_FAILED"), ("the twins", "AMBIGUOUS")],
)
def test_segment_ends_with_1_where_there_is_no_mask(
    loaded: list[Config],
    image: Path,
    command: str,
    status: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mask = tmp_path / "mask.png"
    assert cli.main(["segment", str(image), command, "--json", "--mask", str(mask)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == status
    assert found["message"]
    assert found["segmentation"] is None
    assert not mask.exists()


def test_an_empty_command_is_an_error_with_its_message(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "\x00 \t"]) == 1
    assert "has no letter or digit" in capsys.readouterr().out


def test_bad_images_are_refused_in_one_line(
    loaded: list[Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not an image")
    broken = tmp_path / "broken.png"
    Image.new("RGB", (64, 48)).save(broken)
    broken.write_bytes(broken.read_bytes()[:60])
    for path, message in (
        (tmp_path / "none.png", "cannot read the image"),
        (text, "is no image in JPEG or PNG"),
        (broken, "cannot read the image"),
        (tmp_path, "cannot read the image"),
    ):
        assert cli.main(["segment", str(path), "the ball"]) == 2
        shown = capsys.readouterr().err
        assert message in shown
        assert len(shown.splitlines()) == 1
    assert not loaded  # no model was loaded for nothing


def test_segment_says_what_several_that_fit_have_in_common_and_what_to_add(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the twins"]) == 1
    shown = capsys.readouterr().out
    assert "status    AMBIGUOUS" in shown
    assert "Say which: its colour, its size" in shown
    assert "semantic  the twins  (0.90)" in shown
    assert "mask " not in shown.replace(", mask ", "")
    assert cli.main(["segment", str(image), "the twins", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["semantic_prompt"]["ambiguous"] is True
    assert (found["spatial_prompt"], found["segmentation"]) == (None, None)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16", "1"])
def test_every_kind_of_image_becomes_rgb(loaded: list[Config], tmp_path: Path, mode: str) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (64, 48)).save(path)
    assert cli.main(["segment", str(path), "the green ball"]) == 0


def test_a_photo_is_turned_upright(
    loaded: list[Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "photo.jpg", tmp_path / "overlay.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned by 90 degrees
    Image.new("RGB", (64, 48)).save(path, exif=exif)
    assert cli.main(["segment", str(path), "the green ball", "--out", str(out)]) == 0
    assert Image.open(out).size == (48, 64)


def test_an_unwritable_output_is_refused_before_anything_is_loaded(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = image / "overlay.png"
    assert cli.main(["segment", str(image), "the ball", "--out", str(out)]) == 2
    assert "cannot make the folder" in capsys.readouterr().err
    assert not loaded


def test_config_and_device_reach_the_models(
    loaded: list[Config], image: Path, tmp_path: Path
) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    mllm: {family: qwen3_vl, model: /m}\n"
        "    pipeline: {min_confidence: 0.0}\n"
    )
    arguments = ["segment", str(image), "the green ball", "--config", str(path)]
    assert cli.main([*arguments, "--device", "cpu"]) == 0
    assert loaded[0].mllm.family == "qwen3_vl"
    assert loaded[0].pipeline.min_confidence == 0.0
    assert (loaded[0].mllm.device, loaded[0].segmenter.device) == ("cpu", "cpu")
    assert cli.main(arguments) == 0
    assert loaded[1].mllm.device == "auto"


def test_a_point_may_stand_for_words(
    loaded: list[Config], image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = tmp_path / "ids.png"
    point = ["--point", "20", "20", "--ids", str(ids)]
    assert cli.main(["segment", str(image), *point, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["spatial_prompt"]["points_xy_px"] == [[20, 20]]
    assert len(found["instances"]) == 1
    assert set(np.unique(np.array(Image.open(ids)))) == {0, 1}


def test_neither_words_nor_a_point_is_refused(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image)]) == 2
    assert "give --point X Y" in capsys.readouterr().err


def test_what_is_to_be_said_is_printed(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the green ball"]) == 0
    assert "say       I see the" in capsys.readouterr().out

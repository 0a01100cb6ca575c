"""The tabletop as files, and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ppcr_lab.evaluation.export import export
from ppcr_lab.evaluation.referring_files import DataSetError
from ppcr_lab.evaluation.samples import open_data_set, open_tabletop
from ppcr_lab.sim.scene import CATEGORIES
from ppcr_lab.sim.tabletop_dataset import TabletopSample
from ppcr_ros import cli

pytest.importorskip("pycocotools", reason="pycocotools is not installed")


@pytest.fixture(scope="module")
def samples() -> list[TabletopSample]:
    try:
        return list(open_tabletop("test", limit=14))
    except DataSetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def folder(samples: list[TabletopSample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("export") / "tabletop"
    assert export(samples, into, split="test", progress=False) == len(samples)
    return into


def test_what_is_read_back_is_what_was_written(folder: Path, samples: list[TabletopSample]) -> None:
    found = list(open_data_set("grefcoco:test", limit=None, root=folder)[0])
    assert len(found) == len(samples)
    for read, written in zip(found, samples, strict=True):
        np.testing.assert_array_equal(read.frame.rgb, written.frame.rgb)
        assert (read.command, read.kind) == (written.command, written.kind)
        assert read.expected_status is written.expected_status
        np.testing.assert_array_equal(read.mask, written.mask)
        np.testing.assert_array_equal(read.box_xyxy_px, written.box_xyxy_px)
    assert len({sample.expected_status for sample in found}) == 3


def test_every_sentence_has_a_number_of_its_own(
    folder: Path, samples: list[TabletopSample]
) -> None:
    references = json.loads((folder / "grefs(tabletop).json").read_text())
    numbers = [item["sentences"][0]["sent_id"] for item in references]
    assert numbers == [item["sent_ids"][0] for item in references]
    assert len(set(numbers)) == len(samples)


def test_every_visible_object_is_an_instance(folder: Path, samples: list[TabletopSample]) -> None:
    instances = json.loads((folder / "instances.json").read_text())
    assert [category["name"] for category in instances["categories"]] == list(CATEGORIES)
    visible = sum(len(np.unique(s.instance[s.instance >= 0])) for s in samples)
    assert len(instances["annotations"]) == visible
    areas = sum(annotation["area"] for annotation in instances["annotations"])
    assert areas == sum(int((s.instance >= 0).sum()) for s in samples)


def test_a_folder_that_holds_something_is_left_alone(
    folder: Path, samples: list[TabletopSample]
) -> None:
    with pytest.raises(DataSetError, match="is there already"):
        export(samples, folder, split="test", progress=False)


def test_an_export_that_fails_leaves_nothing_behind(
    samples: list[TabletopSample], tmp_path: Path
) -> None:
    def broken() -> object:
        yield samples[0]
        raise DataSetError("the renderer is gone")

    with pytest.raises(DataSetError, match="the renderer is gone"):
        export(broken(), tmp_path / "new", split="test", progress=False)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_how_to_use_it(
    samples: list[TabletopSample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "set"
    arguments = ["export", "--data", "tabletop:val", "--limit", "2", "--into", str(into)]
    assert cli.main([*arguments, "--quiet"]) == 0
    assert f"ppcr eval --data grefcoco:val --root {into}" in capsys.readouterr().out
    assert len(list((into / "images").iterdir())) == 2
    assert cli.main([*arguments, "--quiet"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_other_data_sets_are_not_exported(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "--data", "refcoco:val", "--into", "x"]) == 2
    assert "expected tabletop and a split" in capsys.readouterr().err

"""docs/sizing.md is what the command writes, and the configuration files say what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ppcr_lab.commands.models_size import known_configs
from ppcr_lab.sizing.boards import BOARDS
from ppcr_lab.sizing.estimate import estimate
from ppcr_lab.sizing.markdown import BEGIN, END, all_tables, page_with
from ppcr_ros import cli
from ppcr_ros.core.config import SERVED, Config, load_config
from ppcr_ros.weights.files import is_commit

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "sizing.md"
CONFIGS = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.stem != "ppcr")
BOARD_OF = {
    "jetson_orin_nano": "orin-nano",
    "jetson_orin_nx": "orin-nx",
    "jetson_agx_orin": "agx-orin",
    "desktop_gpu": "rtx-4090",
}


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tables = all_tables(known_configs([ROOT / "config"]))
    advice = "run: ppcr models size config --page docs/sizing.md"
    assert page == page_with(page, tables), advice


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert cli.main(["models", "size", str(ROOT / "config"), "--page", str(page)]) == 0
    written = page.read_text()
    assert written.startswith(f"before\n{BEGIN}\n### Computed")
    assert written.endswith(f"{END}\nafter\n")
    assert "old" not in written


def test_a_page_without_markers_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers")
    assert cli.main(["models", "size", str(ROOT / "config"), "--page", str(page)]) == 2
    assert page.read_text() == "no markers"
    assert "expected each of them once" in capsys.readouterr().err


def test_the_page_says_that_nothing_was_measured() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "COMPUTED, not measured" in text[: text.index(BEGIN)]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configurations_header_says_what_is_computed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if not known_configs([path]):
        assert "Its memory is not in docs/sizing.md" in text
        return
    stated = re.search(r"Computed, not measured \(docs/sizing\.md\): about ([\d.]+) GB", text)
    assert stated is not None
    found = estimate(load_config(path), BOARDS[0])
    assert float(stated[1]) == pytest.approx(found.memory.total / 1e9, abs=0.05)


@pytest.mark.parametrize("name", BOARD_OF)
def test_the_file_of_a_board_fits_it_and_says_how_long_it_takes(name: str) -> None:
    path = ROOT / "config" / f"{name}.yaml"
    board = next(board for board in BOARDS if board.key == BOARD_OF[name])
    found = estimate(load_config(path), board)
    assert found.fits
    stated = re.search(r"([\d.]+) s a command", path.read_text(encoding="utf-8"))
    assert stated is not None
    assert float(stated[1]) == pytest.approx(found.latency.total, abs=0.05)


@pytest.mark.parametrize("name", BOARD_OF)
def test_the_file_of_a_board_is_offline_pinned_and_half_precision(name: str) -> None:
    config = load_config(ROOT / "config" / f"{name}.yaml")
    assert config.pipeline.offline
    assert is_commit(config.mllm.revision)
    assert is_commit(config.segmenter.revision)
    assert config.mllm.dtype == config.segmenter.dtype == "bfloat16"
    assert config.mllm.quantization in ("none", "int4")
    small = name in ("jetson_orin_nano", "jetson_orin_nx")
    assert (config.mllm.quantization == "int4") is small


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_names_the_command_that_fetches_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    command = f"ppcr models pull --config config/{path.name}"
    assert command in text
    config: Config = load_config(path)
    pinned = config.mllm.family == SERVED or is_commit(config.mllm.revision)
    assert (f"{command} --allow-unpinned" in text) is not pinned


def test_what_is_said_of_a_4b_on_an_orin_nano() -> None:
    nano, nx = (
        load_config(ROOT / "config" / f"jetson_orin_{name}.yaml") for name in ("nano", "nx")
    )
    found = estimate(replace(nano, mllm=nx.mllm), BOARDS[0])
    assert found.fits
    gigabytes, seconds = f"{found.memory.total / 1e9:.1f} GB", f"{found.latency.total:.1f} s"
    page, header = PAGE.read_text(), (ROOT / "config" / "jetson_orin_nano.yaml").read_text()
    for text in (page, header):
        assert gigabytes in text
        assert seconds in text
    assert nx.mllm.revision in page


def test_one_board_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "config" / "jetson_orin_nano.yaml")
    assert cli.main(["models", "size", config, "--board", "orin-nano"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("COMPUTED")
    assert "Orin Nano 8 GB" in shown
    assert "AGX" not in shown


def test_what_does_not_fit_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "config" / "qwen3_vl_4b_sam2.yaml")
    assert cli.main(["models", "size", config, "--board", "orin-nano"]) == 1
    assert "DOES NOT FIT" in capsys.readouterr().out


def test_a_board_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    config = str(ROOT / "config" / "desktop_gpu.yaml")
    assert cli.main(["models", "size", config, "--board", "nano"]) == 2
    assert "expected one of orin-nano, orin-nx, agx-orin, rtx-4090" in capsys.readouterr().err


def test_a_model_of_ones_own_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("/**:\n  ros__parameters:\n    mllm: {family: qwen3_vl, model: /my/model}\n")
    assert cli.main(["models", "size", str(path)]) == 1
    assert "own.yaml: left out: the architecture of /my/model" in capsys.readouterr().err

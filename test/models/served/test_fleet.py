"""Robots that ask one engine at once: what is counted of their answers."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ppcr_lab.bench.fleet", reason="needs the laboratory's package")

from ppcr_lab.bench.fleet import questions_of
from ppcr_ros import cli
from ppcr_ros.models.mllm.qwen3_vl import FAMILY


def bench(engine: Any, folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the figures of ``ppcr bench --robots 3`` for a moment."""
    config, figures = folder / "served.yaml", folder / "fleet.json"
    options = f"{{family: served, served_family: qwen3_vl, endpoint: '{engine.url}', model: m}}"
    config.write_text(f"/**:\n  ros__parameters:\n    mllm: {options}\n", encoding="utf-8")
    words = ["bench", "--robots", "3", "--minutes", "0.005", "--config", str(config)]
    code = cli.main([*words, "--json", str(figures), *arguments])
    return code, json.loads(figures.read_text(encoding="utf-8"))


def test_every_robot_asks_about_its_own_image_in_its_own_words() -> None:
    questions = questions_of(FAMILY, 40)
    assert len({(frame.rgb.tobytes(), turn.text) for frame, turn in questions}) == 40


def test_answers_of_each_robot_are_counted(engine: Any, behaviours: Any, tmp_path: Path) -> None:
    engine.behaviours = [behaviours.says("a mug")]
    code, found = bench(engine, tmp_path)
    assert code == 0
    assert (found["robots"], found["crossed"], found["lost"]) == (3, 0, {})
    assert 0 < found["least"] <= found["most"] <= found["answered"] == len(engine.requests) - 3
    assert 0.0 < found["median_sec"] <= found["slowest_sec"]


def test_the_answer_to_another_question_is_told(
    engine: Any, behaviours: Any, tmp_path: Path
) -> None:
    numbers = count()

    def numbered(*asked: Any) -> None:
        behaviours.says(str(next(numbers)))(*asked)

    engine.behaviours = [numbered]
    code, found = bench(engine, tmp_path)
    assert code == 1
    assert found["crossed"] == found["answered"] > 0


def test_an_mllm_in_this_process_has_no_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--robots", "2"]) == 2
    assert "expected the configuration of a served MLLM" in capsys.readouterr().err

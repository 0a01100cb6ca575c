"""`ppcr train`: what is handed to the trainers."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from ppcr_lab.commands import train
from ppcr_ros import cli


def test_train_hands_its_arguments_to_the_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str]] = []
    module = ModuleType("a_trainer")
    module.add_arguments = lambda parser: (  # type: ignore[attr-defined]
        parser.add_argument("--steps", type=int),
        parser.add_argument("folder"),
    )
    module.run = lambda args: seen.append((args.steps, args.folder))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_trainer", module)
    monkeypatch.setitem(train.TRAINERS, "tiny", ("a_trainer", "train a model"))
    assert cli.main(["train", "tiny", "--steps", "5", "out"]) == 0
    assert seen == [(5, "out")]


def test_a_trainer_that_cannot_be_imported_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(train.TRAINERS, "tiny", ("no_such_trainer", "train a model"))
    assert cli.main(["train", "tiny"]) == 2
    assert "no_such_trainer cannot be imported" in capsys.readouterr().err


def test_every_trainer_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in train.TRAINERS:
        with pytest.raises(SystemExit) as ended:
            cli.main(["train", name, "--help"])
        assert ended.value.code == 0
        assert f"usage: ppcr train {name}" in capsys.readouterr().out


def test_train_without_a_choice_shows_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train"]) == 2
    shown = capsys.readouterr().out
    assert all(name in shown for name in train.TRAINERS)

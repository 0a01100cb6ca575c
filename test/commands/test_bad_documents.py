"""Files that are made to hang, crash or mislead whoever reads them: an error by name, soon."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ppcr_ros import cli
from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig, load_config
from ppcr_ros.core.errors import ConfigError, ModelLoadError, PPCRError
from ppcr_ros.weights.location import EMBEDDED_FOLDER

HEAD = "/**:\n  ros__parameters:\n"
NINES = "9" * 400
CONFIGS = {
    "deep": "[" * 50_000,
    "itself": f"{HEAD}    node: &n\n      mode: *n\n",
    "laughs": "a: &a [x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n",
    "digits": f"{HEAD}    node: {{frame_timeout_sec: {NINES}}}\n",
    "quoted digits": f"{HEAD}    node: {{frame_timeout_sec: '{NINES}'}}\n",
    "hexadecimal": f"{HEAD}    node: {{frame_timeout_sec: 0x{'f' * 59}}}\n",
    "twice": f"{HEAD}    node: {{mode: single}}\n    node: {{mode: track}}\n",
    "a long name": f"{HEAD}    {'x' * 3000}: 1\n",
    "a long value": f"{HEAD}    node: {{mode: {'x' * 3000}}}\n",
    "escapes": f'{HEAD}    node: {{mode: "\\e[2J\\nppcr: all is well"}}\n',
    "no mapping": f"{HEAD}    node: [1, 2]\n",
    "a list of names": "- a\n- b\n",
    "bytes": "a: \x00",
}
WITHOUT_EFFECT = {
    "a key of digits": (f"{HEAD}    {'9' * 50}: 1\n", "9" * 50),
    "an escape as a name": (f'{HEAD}    "\\e[2J": 1\n', r"\u001b[2J"),
}
"""Files with parameters that no node has, and how these are shown."""


@pytest.fixture(params=list(CONFIGS))
def bad(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "robot.yaml"
    path.write_text(CONFIGS[request.param], encoding="utf-8")
    return path


def soon(action: Callable[[], object]) -> None:
    begun = time.process_time()
    action()
    assert time.process_time() - begun < 1.0


def test_a_bad_configuration_is_refused_by_name(bad: Path) -> None:
    def load() -> None:
        with pytest.raises(ConfigError) as raised:
            load_config(bad)
        assert len(str(raised.value)) < 4_000

    soon(load)


def test_every_command_says_so_in_one_visible_line(
    bad: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["models", "list", str(bad)],
        ["models", "verify", str(bad)],
        ["doctor", "--config", str(bad)],
        ["segment", str(image), "the ball", "--config", str(bad)],
    ):
        assert cli.main(words) == (1 if "list" in words else 2)
        shown = capsys.readouterr()
        lines = (shown.out + shown.err).splitlines()
        assert any("ppcr: " in line or "INVALID" in line for line in lines)
        assert all(line.isprintable() for line in lines)
        assert not any(line.startswith("ppcr: all is well") for line in lines)


@pytest.mark.parametrize(("text", "shown"), WITHOUT_EFFECT.values(), ids=list(WITHOUT_EFFECT))
def test_a_parameter_that_no_node_has_is_told_in_one_visible_line(
    text: str,
    shown: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(text, encoding="utf-8")

    def load() -> None:
        assert load_config(path) == Config()

    soon(load)
    for words in (["models", "list", str(path)], ["doctor", "--config", str(path)]):
        caplog.clear()
        cli.main(words)
        (told,) = {record.getMessage() for record in caplog.records}
        assert f"{shown}: no parameter of this node, and without effect" in told
        assert told.isprintable()
        assert len(told) < 4_000
        out, err = capsys.readouterr()
        assert all(line.isprintable() for line in (out + err).splitlines())


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-of-this-name/robot.yaml", "a\x00b"])
def test_a_configuration_that_no_file_can_be(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "list", name]) == 2
    assert "ppcr: " in capsys.readouterr().err
    with pytest.raises(ConfigError):
        load_config(name)


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-of-this-name/m", "a\x00b", "\ud800"])
@pytest.mark.parametrize("option", ["mllm", "segmenter"])
def test_a_model_that_no_file_can_be(
    name: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ppcr_ros.health.model_findings import look_at_models
    from ppcr_ros.models.factory import build_pipeline

    part = {"mllm": MllmConfig(model=name), "segmenter": SegmenterConfig(model=name)}[option]
    config = Config(**{option: part})  # type: ignore[arg-type]
    for action in (build_pipeline, look_at_models):
        with pytest.raises(PPCRError):
            action(config)  # type: ignore[operator]


@pytest.fixture(scope="module")
def mllm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (EMBEDDED_FOLDER / "mllm" / "model.safetensors").is_file():
        pytest.skip("the embedded weights are not there")
    return shutil.copytree(EMBEDDED_FOLDER / "mllm", tmp_path_factory.mktemp("m") / "mllm")


CHECKPOINT = {
    "a pipe": None,
    "deep": "[" * 200_000,
    "digits": '{"model_type": ' + "9" * 5_000 + "}",
    "twice": '{"model_type": "llava", "model_type": "x"}',
    "a list": "[1]",
}


@pytest.mark.parametrize("kind", list(CHECKPOINT))
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_a_checkpoint_with_a_bad_file(kind: str, name: str, mllm: Path, tmp_path: Path) -> None:
    from ppcr_ros.models.factory import load_mllm

    folder = shutil.copytree(mllm, tmp_path / "model")
    (folder / name).unlink(missing_ok=True)
    content = CHECKPOINT[kind]
    if content is None:
        os.mkfifo(folder / name)
    else:
        (folder / name).write_text(content, encoding="utf-8")
    if kind == "a list" and name != "config.json":
        return  # transformers' own business
    with pytest.raises(ModelLoadError) as raised:
        load_mllm(MllmConfig(model=str(folder), device="cpu"), offline=True)
    assert name in str(raised.value)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "model-2.safetensors"])
def test_a_pipe_in_the_place_of_weights_is_not_waited_for(
    name: str, mllm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ppcr_ros.health.model_findings import look_at_models
    from ppcr_ros.models.factory import load_mllm

    folder = shutil.copytree(mllm, tmp_path / "model")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    options = MllmConfig(model=str(folder), device="cpu")
    with pytest.raises(ModelLoadError, match=rf"{name} is a named pipe; expected a file"):
        load_mllm(options, offline=True)
    look_at_models(Config(mllm=options))
    config = tmp_path / "robot.yaml"
    config.write_text(f"{HEAD}    mllm: {{model: {folder}}}\n", encoding="utf-8")
    for action in ("list", "lock", "verify"):
        assert cli.main(["models", action, str(config)]) in (0, 1, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, '{"version": 1, "version": 1}', '{"version": ' + NINES + "}",
        json.dumps({"version": 1, "files": {"a": 3}}), "\x1b[2J", "null",
    ],
)  # fmt: skip
def test_a_bad_lock_file(
    text: str, mllm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(mllm, tmp_path / "model")
    (folder / "models.lock.json").write_text(text, encoding="utf-8")
    config = tmp_path / "robot.yaml"
    config.write_text(f"{HEAD}    mllm: {{model: {folder}}}\n", encoding="utf-8")
    assert cli.main(["models", "verify", str(config)]) in (1, 2)
    shown = capsys.readouterr()
    assert "is no lock file of this version" in shown.out + shown.err
    assert "\x1b" not in shown.out + shown.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "LONG"],
        ["models", "list", "LONG"],
        ["eval", "--data", "refcoco:val", "--root", "LONG"],
        ["eval", "--data", "tabletop:test", "--limit", "1", "--json", "LONG"],
        ["bench", "--json", "LONG"],
    ],
)
def test_a_name_that_is_too_long_for_a_file_is_an_error_by_name(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["x" * 5000 if word == "LONG" else word for word in arguments]
    assert cli.main(named) == 2
    told = capsys.readouterr().err
    assert "xxx..." in told
    assert "too long" in told


@pytest.mark.parametrize("command", [["models", "list"], ["doctor", "--config"]])
def test_a_models_name_forges_no_line_of_a_list(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(f'{HEAD}    mllm: {{model: "/no/\\e[2Jx\\nFORGED: all is well"}}\n')
    cli.main([*command, str(path)])
    shown = capsys.readouterr().out
    assert "FORGED" in shown
    assert not [line for line in shown.splitlines() if line.startswith("FORGED")]
    assert "\x1b" not in shown

"""Configurations: files, defaults, and refusals of what is no option."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from ppcr_ros.core.config import (
    SECTIONS,
    Config,
    MllmConfig,
    config_from_flat,
    flatten,
    load_config,
)
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.options import checked, spec_of

CONFIG = Path(__file__).resolve().parents[2] / "config"
PARAMETERS = """
/**:
  ros__parameters:
    use_sim_time: true
    mllm: {family: qwen3_vl, model: Qwen/Qwen3-VL-4B-Instruct}
    pipeline:
      min_confidence: 1
    pipeline.repair_tries: 0
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "ppcr.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flat_names_there_and_back() -> None:
    config = Config(mllm=MllmConfig(family="idefics3", max_new_tokens_spatial=17))
    flat = flatten(config)
    assert flat["mllm.family"] == "idefics3"
    assert flat["mllm.max_new_tokens_spatial"] == 17
    assert config_from_flat(flat) == config


def test_every_default_is_acceptable_and_described() -> None:
    for section, cls in SECTIONS.items():
        for item in fields(cls):
            name = f"{section}.{item.name}"
            assert checked(name, item, item.default) == item.default
            spec = spec_of(item)
            assert spec.description, name
            if type(item.default) in (int, float):
                assert spec.minimum is not None, name
                assert spec.maximum is not None, name


def test_nothing_given_is_the_default() -> None:
    assert config_from_flat({}) == Config()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("colour", "unknown option colour; expected a name that begins with mllm., segmenter."),
        ("mllm", "unknown option mllm"),
        ("camera.topic", "unknown option camera.topic"),
        (
            "mllm.modle",
            r"unknown option mllm.modle \(is mllm.model meant\?\); mllm. options are: mllm.family",
        ),
        ("mllm.family.name", "unknown option mllm.family.name"),
    ],
)
def test_unknown_names_are_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_flat({name: "x"})


def test_a_parameter_file_of_ros(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, PARAMETERS))
    assert config.mllm.family == "qwen3_vl"
    assert config.mllm.model == "Qwen/Qwen3-VL-4B-Instruct"
    assert config.pipeline.min_confidence == 1.0
    assert config.pipeline.repair_tries == 0
    expected = replace(Config().pipeline, min_confidence=1.0, repair_tries=0)
    assert config.pipeline == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; expected parameters as in config/ppcr.yaml"),
        ("ppcr: {}", "under '/ppcr' stands {}"),
        ("just text", "under '' stands 'just text'; expected a mapping with 'ros__parameters'"),
        ("- 1\n- 2", r"under '' stands \[1, 2\]"),
        ("mllm: {family: qwen3_vl}", "under '/mllm/family' stands 'qwen3_vl'; expected a mapping"),
        ("ppcr: {ros__parameters: [1]}", "under '/ppcr' stands"),
        ("ppcr: {ros__parameters: {mllm: {family: gpt}}}", "mllm.family is 'gpt'; expected one"),
        ("ppcr: {ros__parameters: {mllm: {family: [a]}}}", "mllm.family is "),
        ("ppcr: {ros__parameters: {mllm: {family: }}}", "mllm.family is None"),
        ("a: b: c", "cannot read the configuration file"),
        ("!!python/object/apply:os.getcwd []", "cannot read the configuration file"),
    ],
)
def test_bad_files_say_what_stands_where(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(_write(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no parameter file .*none.yaml; .* or one of desktop_"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot read the configuration file"):
        load_config(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="cannot read the configuration file"):
        load_config(tmp_path / "binary.yaml")


def test_a_file_of_the_package_goes_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_config("desktop_gpu") == load_config(CONFIG / "desktop_gpu.yaml")
    assert load_config("desktop_gpu.yaml") == load_config("desktop_gpu")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desktop_gpu.yaml").write_text(PARAMETERS)
    assert load_config("desktop_gpu.yaml") == load_config(_write(tmp_path, PARAMETERS))


def test_what_is_no_option_is_told_with_the_likely_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = (
        "/**: {ros__parameters: {use_sim_time: true, use_depth: true, piepline: {offline: true}}}"
    )
    assert load_config(_write(tmp_path, text)) == Config()
    (record,) = caplog.records
    assert (
        "piepline.offline (is pipeline.offline meant?), use_depth (is node.use_depth meant?)"
        in (record.getMessage())
    )
    assert "use_sim_time" not in record.getMessage()


def test_a_misspelt_option_of_a_section_is_refused_with_the_likely_name(tmp_path: Path) -> None:
    text = "ppcr: {ros__parameters: {mllm: {modle: x}}}"
    with pytest.raises(ConfigError, match=r"unknown option mllm\.modle \(is mllm\.model meant\?\)"):
        load_config(_write(tmp_path, text))


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:3"])
def test_a_gpu_may_be_named(device: str) -> None:
    assert config_from_flat({"mllm.device": device}).mllm.device == device


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CUDA", ""])
def test_what_is_no_device_is_refused(device: str) -> None:
    expected = f"segmenter.device: the device is '{device}'; expected auto, cpu, cuda or one"
    with pytest.raises(ConfigError, match=expected):
        config_from_flat({"segmenter.device": device})


def test_the_parameters_of_other_nodes_are_left_alone(tmp_path: Path) -> None:
    text = PARAMETERS + "/camera:\n  ros__parameters: {exposure: 3}\n"
    assert load_config(_write(tmp_path, text)) == load_config(_write(tmp_path, PARAMETERS))

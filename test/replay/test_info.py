"""Records of what a decision was made with, and remarks where that has changed since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ppcr_ros.core.config import Config, MllmConfig, PipelineConfig
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.replay.info import (
    InfoError,
    RecordInfo,
    present_info,
    recorded_config,
    setup_differences,
    weights_checksums,
)

INFO = RecordInfo(
    topics={"image": "/image"},
    config={"pipeline.guidance": "progressive", "node.use_depth": True, "record.folder": "/bags"},
    weights_sha256={"mllm/model.safetensors": "a" * 64},
    packages={"torch": "2.13.0", "mujoco": "3"},
    machine={"torch_threads": "4", "processor": "Orin", "system": "Linux"},
    command_id="ab",
)


def test_it_survives_as_json() -> None:
    assert RecordInfo.from_json(INFO.to_json()) == INFO
    later = INFO.to_json().replace('"date"', '"of a later version": 1, "date"')
    assert RecordInfo.from_json(later) == INFO


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": "x"}', "\x00"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InfoError, match="expected JSON"):
        RecordInfo.from_json(text)


def test_the_same_setup_has_no_differences() -> None:
    assert setup_differences(INFO, INFO) == []


def test_differences_name_weights_first_and_leave_out_what_has_no_bearing() -> None:
    now = replace(
        INFO,
        config={"pipeline.guidance": "direct", "node.use_depth": False, "record.folder": ""},
        weights_sha256={"mllm/model.safetensors": "b" * 64},
        packages={"torch": "2.14.0", "mujoco": "4"},
        machine={"torch_threads": "2", "system": "other"},
    )
    assert setup_differences(INFO, now) == [
        f"weights mllm/model.safetensors: recorded {'a' * 16}, here {'b' * 16}",
        "option pipeline.guidance: recorded progressive, here direct",
        "package torch: recorded 2.13.0, here 2.14.0",
        "machine processor: recorded Orin, here none",
        "machine torch_threads: recorded 4, here 2",
    ]


def test_the_configuration_comes_back() -> None:
    config = Config(pipeline=PipelineConfig(min_confidence=0.5))
    info = present_info(config, {})
    assert recorded_config(info) == (config, [])
    assert info.packages["opencv"]


def test_options_of_another_version_are_named() -> None:
    config, unknown = recorded_config(replace(INFO, config={"pipeline.telepathy": True}))
    assert (config, unknown) == (Config(), ["pipeline.telepathy"])
    with pytest.raises(ConfigError, match=r"does not fit: pipeline\.guidance"):
        recorded_config(replace(INFO, config={"pipeline.guidance": "telepathy"}))


def test_checksums_are_of_the_files_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    config = Config(mllm=MllmConfig(model=str(tmp_path)))
    found = weights_checksums(config)
    assert found["mllm/model.safetensors"].startswith("9a129038d9a0")
    assert "segmenter/model.safetensors" in found

"""Models of a configuration: those that load, and messages where they do not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, MllmConfig, PipelineConfig
from ppcr_ros.core.errors import ConfigError, ModelLoadError
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.scoring import ScoreCalibration
from ppcr_ros.core.types import Frame
from ppcr_ros.models import factory
from ppcr_ros.weights.location import EMBEDDED_FOLDER

Checkpoint = Callable[[str], Path]
KINDS = ["qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm", "paligemma", "llava", "gemma4"]


def load(folder: Path, family: str, **options: Any) -> Any:
    config = MllmConfig(family=family, model=str(folder), **{"device": "cpu", **options})
    return factory.load_mllm(config, offline=True)


@pytest.fixture
def broken(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """A copy of a whole qwen3_vl checkpoint, to be broken."""
    return Path(shutil.copytree(checkpoint("qwen3_vl"), tmp_path / "broken"))


def rewrite_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize("dtype", ["auto", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_loads_in_every_number_format(
    kind: str,
    dtype: str,
    checkpoint: Checkpoint,
    family_of: Callable[[str], str],
    frame: Frame,
) -> None:
    mllm = load(checkpoint(kind), family_of(kind), dtype=dtype)
    expected = torch.float32 if dtype == "auto" else getattr(torch, dtype)
    assert mllm.engine.dtype is expected
    answer = mllm.open(frame).ask(Turn("where"), max_new_tokens=3, cancel=CancelToken())
    assert answer.hidden_states.dtype == answer.probabilities.dtype == "float32"
    assert mllm.name == f"{family_of(kind)}:{checkpoint(kind)}"


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
def test_runs_on_a_gpu(
    kind: str, checkpoint: Checkpoint, family_of: Callable[[str], str], frame: Frame
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    mllm = load(checkpoint(kind), family_of(kind), device="cuda", dtype="float32")
    assert mllm.engine.device == torch.device("cuda", 0)
    on_gpu, on_cpu = mllm.open(frame), load(checkpoint(kind), family_of(kind)).open(frame)
    for turn in ("find the ball", "where is it"):
        answers = [
            conversation.ask(Turn(turn), max_new_tokens=4, cancel=CancelToken())
            for conversation in (on_gpu, on_cpu)
        ]
        assert answers[0].tokens == answers[1].tokens


def test_the_model_is_in_evaluation_mode(load_tiny: Callable[[str], Any]) -> None:
    assert not load_tiny("qwen3_vl").engine.model.training


def test_a_family_that_does_not_fit_the_checkpoint(checkpoint: Checkpoint) -> None:
    with pytest.raises(ModelLoadError, match=r"type 'qwen3_vl'; the family qwen2_5_vl expects"):
        load(checkpoint("qwen3_vl"), "qwen2_5_vl")


def test_a_text_only_model(broken: Path) -> None:
    rewrite_config(broken, model_type="llama", architectures=["LlamaForCausalLM"])
    with pytest.raises(ModelLoadError, match=r"type 'llama'.*Set mllm\.family"):
        load(broken, "qwen3_vl")


def test_an_unknown_family() -> None:
    with pytest.raises(ModelLoadError, match=r"no MLLM family 'gpt'.*qwen3_vl"):
        factory.mllm_family("gpt")


def test_truncated_weights(broken: Path) -> None:
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelLoadError, match="truncated"):
        load(broken, "qwen3_vl")


def test_missing_weights_are_never_random(broken: Path) -> None:
    weights = load_file(broken / "model.safetensors")
    name = next(key for key in weights if "layers.1" in key)
    del weights[name]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"1 missing keys, for example .*layers\.1"):
        load(broken, "qwen3_vl")


def test_weights_of_another_shape(broken: Path) -> None:
    weights = load_file(broken / "model.safetensors")
    weights["lm_head.weight"] = torch.zeros(7, 64)
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"lm_head|mismatch"):
        load(broken, "qwen3_vl")


def test_a_missing_tokenizer(broken: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (broken / name).unlink()
    with pytest.raises(ModelLoadError, match="has no tokenizer"):
        load(broken, "qwen3_vl")


def test_the_tokenizer_of_another_model(broken: Path, checkpoint: Checkpoint) -> None:
    path = broken / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["added_tokens"] += [
        tokenizer["added_tokens"][-1] | {"id": 5000 + i, "content": f"<extra{i}>"} for i in range(9)
    ]
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(ModelLoadError, match="expected files of one checkpoint"):
        load(broken, "qwen3_vl")


def test_the_image_token_of_another_model(broken: Path) -> None:
    rewrite_config(broken, image_token_id=5)
    with pytest.raises(ModelLoadError, match="image token of the processor is"):
        load(broken, "qwen3_vl")


def test_a_damaged_tokenizer(broken: Path) -> None:
    (broken / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelLoadError, match="the processor of qwen3_vl:"):
        load(broken, "qwen3_vl")


def test_no_code_of_a_checkpoint_is_run(broken: Path, tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    (broken / "modeling_evil.py").write_text(f"open({str(trace)!r}, 'w')\n", encoding="utf-8")
    code = {"AutoModelForImageTextToText": "modeling_evil.X", "AutoConfig": "modeling_evil.X"}
    rewrite_config(broken, auto_map=code)
    with pytest.raises(ModelLoadError, match="asks for program code"):
        load(broken, "qwen3_vl")
    assert not trace.exists()


def test_quantisation_runs_where_bitsandbytes_is_installed(
    checkpoint: Checkpoint, frame: Frame
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    for kind in ("int8", "int4"):
        mllm = load(checkpoint("qwen3_vl"), "qwen3_vl", quantization=kind)
        answer = mllm.open(frame).ask(Turn("where"), max_new_tokens=3, cancel=CancelToken())
        assert len(answer.tokens) > 0
        assert isinstance(mllm.engine.model.lm_head.weight, torch.nn.Parameter)
        assert mllm.engine.model.lm_head.weight.dtype.is_floating_point


def test_the_factory_imports_no_torch() -> None:
    code = (
        "import sys, ppcr_ros.models.factory\n"
        "print(sorted({'torch', 'transformers', 'rclpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "[]", run.stderr


def test_a_machine_without_torch_is_told_so() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from ppcr_ros.core.config import Config\n"
        "from ppcr_ros.core.errors import ModelLoadError\n"
        "from ppcr_ros.models.factory import build_pipeline\n"
        "try: build_pipeline(Config())\n"
        "except ModelLoadError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.startswith("torch cannot be imported"), run.stderr
    assert "pip install torch" in run.stdout


def test_the_first_model_that_fails_stops_the_pipeline() -> None:
    config = Config(mllm=MllmConfig(family="qwen3_vl", model="/no/such/folder", device="cpu"))
    with pytest.raises(ModelLoadError, match="/no/such/folder"):
        factory.build_pipeline(config)


def test_the_calibration_is_that_of_the_adapter_in_use_or_the_one_that_is_named(
    tmp_path: Path,
) -> None:
    written = ScoreCalibration(1.0, {"segmenter": 2.0})
    written.save(tmp_path / "adapter" / "calibration.json")
    (tmp_path / "bare").mkdir()

    def choose(choice: str, adapter: Path | None, model: str = "own") -> ScoreCalibration | None:
        config = Config(
            mllm=MllmConfig(model=model), pipeline=PipelineConfig(score_calibration=choice)
        )
        return factory.chosen_calibration(config, adapter)

    assert choose("auto", tmp_path / "adapter") == written
    assert choose("auto", tmp_path / "bare") is None
    assert choose("auto", None) is None
    assert choose("none", tmp_path / "adapter") is None
    assert choose(str(tmp_path / "adapter" / "calibration.json"), None) == written
    with pytest.raises(ConfigError, match="missing"):
        choose(str(tmp_path / "missing.json"), None)
    of_embedded = choose("auto", None, "embedded")
    assert of_embedded == ScoreCalibration.load(EMBEDDED_FOLDER / "calibration.json")


def test_families_need_no_torch() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from ppcr_ros.core.config import MLLM_FAMILIES\n"
        "from ppcr_ros.models.factory import mllm_family\n"
        "print([mllm_family(name).name for name in MLLM_FAMILIES] == list(MLLM_FAMILIES))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "True", run.stderr

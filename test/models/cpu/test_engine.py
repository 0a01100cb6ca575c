"""Modules of the embedded models that OpenVINO computes, and life without it."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ppcr_ros.core.config import MllmConfig, SegmenterConfig
from ppcr_ros.core.types import Frame, SpatialPrompt
from ppcr_ros.models.cpu import engine, networks
from ppcr_ros.models.cpu.engine import CompiledNetwork, compiled
from ppcr_ros.models.cpu.llama_decoder import LlamaDecoder
from ppcr_ros.models.factory import load_mllm, load_segmenter

needs_openvino = pytest.mark.skipif(
    not engine.available(), reason="OpenVINO is not installed: pip install openvino"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(engine.ENGINE_VARIABLE, raising=False)
    return tmp_path / "ppcr_ros" / "openvino"


def layer(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.Linear(64, 8))


def made(network: torch.nn.Module, **options: Any) -> CompiledNetwork | None:
    return compiled("test", network.eval(), (torch.randn(5, 32),), [(-1, 32)], **options)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


@needs_openvino
def test_any_number_of_rows_is_computed_as_pytorch_does() -> None:
    network = layer()
    found = made(network, exact=True)
    assert found is not None
    assert found.precision == "f32"
    for rows in (1, 5, 300):
        x = torch.randn(rows, 32)
        with torch.no_grad():
            torch.testing.assert_close(found(x)[0], network(x), atol=1e-5, rtol=1e-4)


@needs_openvino
def test_an_output_stays_what_it_was_when_the_network_runs_again() -> None:
    found = made(layer(), exact=True)
    assert found is not None
    first = found(torch.ones(2, 32))[0]
    kept = first.clone()
    found(torch.zeros(2, 32))
    torch.testing.assert_close(first, kept)


@needs_openvino
def test_two_threads_have_their_own_answers() -> None:
    network = layer()
    found = made(network, exact=True)
    assert found is not None
    wrong: list[int] = []

    def ask(number: int) -> None:
        x = torch.full((3, 32), float(number))
        with torch.no_grad():
            wanted = network(x)
        for _ in range(50):
            if not torch.allclose(found(x)[0], wanted, atol=1e-4):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@needs_openvino
def test_what_was_exported_is_used_again_and_follows_the_weights(own_cache: Path) -> None:
    assert made(layer(0)) is not None
    files = {file.name: file.stat().st_mtime_ns for file in own_cache.iterdir()}
    assert {Path(name).suffix for name in files} == {".xml", ".bin"}
    assert made(layer(0)) is not None
    assert {file.name: file.stat().st_mtime_ns for file in own_cache.iterdir()} == files
    other = layer(1)
    found = made(other, exact=True)
    assert found is not None
    assert len(list(own_cache.iterdir())) == 4
    with torch.no_grad():
        torch.testing.assert_close(
            found(torch.ones(1, 32))[0], other(torch.ones(1, 32)), atol=1e-5, rtol=1e-4
        )


@needs_openvino
def test_of_many_exports_the_last_ones_are_kept(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "EXPORTS_KEPT", 2)
    for seed in range(4):
        assert made(layer(seed)) is not None
    names = {file.name for file in own_cache.iterdir()}
    assert len(names) == 4
    assert made(layer(3)) is not None
    assert {file.name for file in own_cache.iterdir()} == names


@needs_openvino
def test_a_damaged_export_is_made_again(own_cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert made(layer()) is not None
    (file,) = own_cache.glob("*.xml")
    file.write_text("<net", encoding="utf-8")
    assert made(layer()) is not None
    assert "made again" in caplog.text
    assert file.stat().st_size > 100


@needs_openvino
def test_a_cache_that_cannot_be_written_costs_the_cache_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert made(layer()) is not None
    assert "cannot be kept" in caplog.text


@needs_openvino
def test_an_engine_that_computes_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(CompiledNetwork):
        def __call__(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
            return [output + 1.0 for output in super().__call__(*inputs)]

    monkeypatch.setattr(engine, "CompiledNetwork", Wrong)
    assert made(layer()) is None
    assert "from PyTorch's" in caplog.text


@needs_openvino
def test_a_network_that_cannot_be_exported_is_left_to_pytorch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refusing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError("not today")

    assert made(Refusing()) is None
    assert "PyTorch does" in caplog.text


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.ENGINE_VARIABLE, "torch")
    assert not engine.available()
    assert made(layer()) is None


def test_without_openvino_pytorch_runs_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "openvino" else find(name)
    )
    assert made(layer()) is None


@pytest.mark.parametrize("cap", ["AVX2", "AVX512_CORE", "AVX512_CORE_VNNI"])
def test_a_cap_below_bfloat16_is_kept_to(cap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    assert not engine.multiplies_bfloat16()


@needs_openvino
@pytest.mark.parametrize("exact", [True, False])
def test_the_embedded_mllm_reads_as_transformers_does(exact: bool) -> None:
    model = load_mllm(MllmConfig(device="cpu", dtype="float32"), offline=True).engine.model
    tower = networks.image_tower(model, exact=exact)
    language, head = model.model.language_model, model.get_output_embeddings()
    reader = networks.prompt_reader(language, head, exact=exact)
    assert tower is not None
    assert reader is not None
    limit = 1e-4 if tower.precision == "f32" else 0.02
    pixels = torch.rand(1, 3, 320, 320, generator=torch.Generator().manual_seed(3)) * 2 - 1
    ids = torch.arange(20, 190)[None]
    with torch.inference_mode():
        features = model.model.get_image_features(pixel_values=pixels, return_dict=True)
        assert apart(tower(pixels)[0], features.pooler_output[0]) < limit
        decoder = LlamaDecoder(language, head, reader)
        cache = decoder.cache()
        logits, hidden = decoder.read(cache, decoder.embed(ids))
        assert cache.get_seq_length() == ids.shape[1]
        assert hidden.shape == (1, language.config.hidden_size)
        assert apart(logits[0], model(input_ids=ids).logits[0, -1]) < limit
        following, _ = decoder.read_token(cache, 30)
        whole = model(input_ids=torch.cat([ids, torch.tensor([[30]])], dim=1)).logits[0, -1]
        assert apart(following[0], whole) < limit


@needs_openvino
def test_the_embedded_segmenters_masks_are_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SegmenterConfig(device="cpu", dtype="float32")
    rng = np.random.default_rng(0)
    frame = Frame(rgb=rng.integers(0, 255, (120, 160, 3), dtype=np.uint8))
    prompt = SpatialPrompt("box", np.array([30, 20, 90, 80], np.float32))
    ours = load_segmenter(config, offline=True)
    monkeypatch.setenv(engine.ENGINE_VARIABLE, "torch")
    plain = load_segmenter(config, offline=True)
    found, wanted = (each.segment(each.encode(frame), None, prompt) for each in (ours, plain))
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)
    assert (found.masks != wanted.masks).mean() < 1e-4


@needs_openvino
def test_a_signal_behind_a_closed_engine_is_handled() -> None:
    """OpenVINO frees the stack for signals of the thread that loaded it, with its CPU plugin."""
    code = (
        "import gc, os, signal\n"
        "from ppcr_ros.core.config import Config\n"
        "from ppcr_ros.models.factory import build_pipeline\n"
        "build_pipeline(Config()).close()\n"
        "gc.collect()\n"
        "signal.signal(signal.SIGINT, lambda *_: print('handled', flush=True))\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "handled"), done.stderr

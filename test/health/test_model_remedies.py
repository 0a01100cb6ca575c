"""Remedies of models, memory and engines that are followed to the letter: nothing is told then."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.memory import CudaFacts
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Finding
from ppcr_ros.health.model_findings import (
    cuda_findings,
    engine_findings,
    look_at_models,
    memory_findings,
)
from ppcr_ros.weights import location

SERVES = "Qwen/Qwen3-VL-2B-Instruct"


def weights(folder: Path, numbers: int = 4) -> Path:
    """A whole file of weights; all but its header is a hole."""
    folder.mkdir(parents=True, exist_ok=True)
    tensor = {"dtype": "F16", "shape": [numbers], "data_offsets": [0, 2 * numbers]}
    header = json.dumps({"w": tensor}).encode()
    path = folder / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + 2 * numbers)
    return path


def told(findings: list[Finding]) -> list[str]:
    return [item.code for item in findings]


@pytest.fixture
def folders(tmp_path: Path) -> Config:
    for role in ("mllm", "segmenter"):
        weights(tmp_path / role)
    return Config(
        mllm=MllmConfig(family="qwen3_vl", model=str(tmp_path / "mllm")),
        segmenter=SegmenterConfig(family="sam", model=str(tmp_path / "segmenter")),
    )


def test_a_folder_that_holds_the_weights_is_enough(folders: Config, tmp_path: Path) -> None:
    missing = replace(folders, mllm=replace(folders.mllm, model=str(tmp_path / "nowhere")))
    (found,) = look_at_models(missing)
    assert found.code == kinds.WEIGHTS_MISSING.code
    assert "or name a folder that holds them" in found.remedy
    assert look_at_models(folders) == []


def test_weights_that_are_copied_again_are_whole(folders: Config) -> None:
    path = Path(folders.mllm.model) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    (found,) = look_at_models(folders)
    assert found.code == kinds.WEIGHTS_DAMAGED.code
    assert found.remedy.startswith("Copy or fetch them again")
    weights(path.parent)
    assert look_at_models(folders) == []


def test_checksums_that_are_written_anew_are_those_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [weights(tmp_path / role) for role in ("mllm", "segmenter")]
    monkeypatch.setattr(location, "EMBEDDED_FOLDER", tmp_path)
    sums = tmp_path / "SHA256SUMS.txt"
    names = [str(path.relative_to(tmp_path)) for path in paths]
    sums.write_text("".join(f"{'0' * 64}  {name}\n" for name in names))
    found = look_at_models(Config())
    assert told(found) == [kinds.WEIGHTS_CHECKSUM.code] * 2
    assert "write SHA256SUMS.txt anew" in found[0].remedy
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    sums.write_text("".join(f"{d}  {name}\n" for d, name in zip(digests, names, strict=True)))
    assert look_at_models(Config()) == []


@pytest.mark.parametrize("remedy", ["int8", "int4", "a smaller model", "Close what else uses it"])
def test_less_memory_is_needed_or_more_is_free(folders: Config, remedy: str) -> None:
    weights(Path(folders.mllm.model), 4_000_000_000)
    gpu = CudaFacts("torch 2", "H100", free_bytes=8_000_000_000, total_bytes=80_000_000_000)

    def look(config: Config, cuda: CudaFacts) -> list[Finding]:
        return memory_findings(config, location.locate(config), cuda, None)

    (found,) = look(folders, gpu)
    assert found.code == kinds.MEMORY_SHORT.code
    assert remedy in found.remedy
    if remedy.startswith("int"):
        folders = replace(folders, mllm=replace(folders.mllm, quantization=remedy))
    elif remedy == "a smaller model":
        weights(Path(folders.mllm.model), 1_000_000_000)
    else:
        gpu = replace(gpu, free_bytes=40_000_000_000)
    assert look(folders, gpu) == []


@pytest.mark.parametrize("device", re.findall(r"auto|cpu(?= \()", kinds.CUDA_MISSING.remedy))
def test_a_device_that_is_there_is_taken(device: str) -> None:
    without = CudaFacts("torch 2, a CPU build")
    (found,) = cuda_findings(Config(mllm=MllmConfig(device="cuda")), without)
    assert found.code == kinds.CUDA_MISSING.code
    assert cuda_findings(Config(mllm=MllmConfig(device=device)), without) == []


@pytest.fixture
def serve() -> Iterator[Callable[[int], int]]:
    """Starts an engine that says what it serves, on a port; 0 for any."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": SERVES}]}).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    servers: list[ThreadingHTTPServer] = []

    def start(port: int) -> int:
        servers.append(ThreadingHTTPServer(("127.0.0.1", port), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return int(servers[-1].server_address[1])

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_engine_that_is_started_answers(serve: Callable[[int], int]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as nobody:
        port = int(nobody.server_address[1])
    config = MllmConfig(family="served", model=SERVES, endpoint=f"http://127.0.0.1:{port}/v1")
    (found,) = engine_findings(config)
    assert found.code == kinds.ENGINE_DOWN.code
    assert found.remedy.startswith("Start the engine")
    serve(port)
    assert engine_findings(config) == []


def test_a_name_that_the_engine_serves_is_known_to_it(serve: Callable[[int], int]) -> None:
    endpoint = f"http://127.0.0.1:{serve(0)}/v1"
    config = MllmConfig(family="served", model="another", endpoint=endpoint)
    (found,) = engine_findings(config)
    assert found.code == kinds.ENGINE_MODEL.code
    assert "Set mllm.model to one of these names" in found.remedy
    served = found.what.rpartition("it serves ")[2]
    assert engine_findings(replace(config, model=served)) == []

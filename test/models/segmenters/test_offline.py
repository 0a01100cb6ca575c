"""With ``pipeline.offline`` nothing is asked of any network, on whatever way a model is loaded.

A process of its own stops at every connection that Python makes, and says so; the hub's address is
a port of this machine that notices the connections of native code as well.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MLLMS = ("qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm", "paligemma", "llava")
WALL = """
import json, sys

def wall(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        print("ASKED", event, arguments[1:], flush=True)
        raise OSError("the test allows no connection")

sys.addaudithook(wall)
todo = json.loads(sys.argv[1])
"""
LOADERS = """
from ppcr_ros.core.config import MllmConfig, SegmenterConfig
from ppcr_ros.models import factory

for family, model in todo["mllms"]:
    config = MllmConfig(family=family, model=model, revision=todo["commit"], device="cpu")
    print("loaded", factory.load_mllm(config, offline=True).name)
for family, model in todo["segmenters"]:
    config = SegmenterConfig(family=family, model=model, revision=todo["commit"], device="cpu")
    print("loaded", factory.load_segmenter(config, offline=True).name)
"""
NODE_AND_COMMAND = """
from pathlib import Path
from ppcr_ros import cli
from ppcr_ros.core.config import load_config
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.service.warm_up import build_models, load_pipeline

for config in todo["configs"]:
    with load_pipeline(build_models, LiveConfig(load_config(config)), print):
        pass
    print("ended with", cli.main(["segment", todo["image"], "the ball", "--config", config]))
"""
ONLINE = """
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models import factory

try:
    factory.load_mllm(MllmConfig(family="qwen3_vl", model="ppcr-test/absent"), offline=False)
except ModelLoadError as error:
    print("refused:", error)
"""


def into_cache(folder: Path, cache: Path, name: str) -> str:
    """Put a checkpoint into a hub cache as a pull of ``ppcr-test/<name>`` would."""
    snapshot = cache / f"models--ppcr-test--{name}" / "snapshots" / COMMIT
    shutil.copytree(folder, snapshot, dirs_exist_ok=True)
    return f"ppcr-test/{name}"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that says nothing and notices who knocks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def run(tmp_path: Path, listener: socket.socket) -> Callable[..., str]:
    """Runs a program behind the wall; what it printed."""

    def go(program: str, **todo: object) -> str:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
            "HF_HUB_CACHE": str(tmp_path / "hub"),
            "HF_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-c", WALL + program, json.dumps({"commit": COMMIT, **todo})],
            capture_output=True, text=True, check=False, timeout=280, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return go


def knocked(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def test_every_loader_of_hub_models(
    run: Callable[..., str],
    listener: socket.socket,
    tmp_path: Path,
    checkpoint: Callable[[str], Path],
    family_of: Callable[[str], str],
    family_folders: dict[str, Path],
) -> None:
    cache = tmp_path / "hub"
    mllms = [(family_of(kind), into_cache(checkpoint(kind), cache, kind)) for kind in MLLMS]
    segmenters = [
        (family, into_cache(folder, cache, f"{family}-tiny"))
        for family, folder in family_folders.items()
        if family != "segment_anything"
    ]
    assert len(segmenters) == 3
    shown = run(LOADERS, mllms=mllms, segmenters=segmenters)
    assert "ASKED" not in shown
    assert shown.count("loaded") == len(mllms) + len(segmenters)
    assert not knocked(listener)


def test_the_node_and_the_command_with_embedded_and_with_hub_models(
    run: Callable[..., str],
    listener: socket.socket,
    tmp_path: Path,
    checkpoint: Callable[[str], Path],
    family_folders: dict[str, Path],
) -> None:
    cache = tmp_path / "hub"
    mllm = into_cache(checkpoint("qwen3_vl"), cache, "mllm")
    segmenter = into_cache(family_folders["sam2"], cache, "segmenter")
    hub, embedded = tmp_path / "hub.yaml", tmp_path / "embedded.yaml"
    tokens = "max_new_tokens_semantic: 8, max_new_tokens_spatial: 8"
    hub.write_text(
        "/**:\n  ros__parameters:\n"
        f"    mllm: {{family: qwen3_vl, model: {mllm}, revision: '{COMMIT}', {tokens}}}\n"
        f"    segmenter: {{family: sam2, model: {segmenter}, revision: '{COMMIT}'}}\n"
    )
    embedded.write_text("/**:\n  ros__parameters: {}\n")
    image = tmp_path / "image.png"
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(image)
    shown = run(NODE_AND_COMMAND, configs=[str(hub), str(embedded)], image=str(image))
    assert "ASKED" not in shown
    assert shown.count("models ready") == 2
    # Random weights write nothing readable: a status other than OK, and no error.
    assert shown.count("ended with 1") + shown.count("ended with 0") == 2
    assert not knocked(listener)


def test_the_wall_notices_what_is_not_offline(
    run: Callable[..., str], listener: socket.socket
) -> None:
    shown = run(ONLINE)
    assert "ASKED socket." in shown
    assert "refused: ppcr-test/absent" in shown
    assert "no connection to the hub" in shown

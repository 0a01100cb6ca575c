"""``transformers serve`` with the embedded MLLM on loopback: an engine that is real and needs no
download. It needs ``pip install fastapi uvicorn openai``.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.weights.location import EMBEDDED_FOLDER

NEEDS = ("torch", "transformers", "fastapi", "uvicorn", "openai")
_SERVE = """
import os, sys, time
sys.modules["torchvision"] = None
from transformers import GenerationMixin
from transformers.cli.transformers import main
times, generate = os.environ.get("PPCR_GENERATE_TIMES", ""), GenerationMixin.generate
def timed(self, *args, **kwargs):
    begun, cpu = time.monotonic(), time.process_time()
    try:
        return generate(self, *args, **kwargs)
    finally:
        with open(times, "a") as file:
            file.write(f"{time.monotonic() - begun},{time.process_time() - cpu}\\n")
if times:
    GenerationMixin.generate = timed
sys.argv = ["transformers", "serve", *sys.argv[1:]]
sys.exit(main())
"""
_DEADLINE_SEC = 300.0


class EngineStartError(PPCRError):
    """The engine has ended, or does not answer; the message has the end of its log."""


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class EngineProcess:
    """The engine's process; it can be killed and started again, on the same port.

    Attributes:
        folder: the checkpoint that is served; its path is the model's name.
        log: where its output goes.
        times: a file to which the seconds and CPU seconds of each of its own ``generate`` are
            written; or None.
    """

    folder: Path
    log: Path
    times: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The URL for ``mllm.endpoint``."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def model(self) -> str:
        """The name for ``mllm.model``."""
        return str(self.folder)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            EngineStartError: when it ends, or does not answer within five minutes.
        """
        home = self.log.parent / "home"
        (home / "hub").mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
        environment |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        if self.times is not None:
            environment["PPCR_GENERATE_TIMES"] = str(self.times)
        words = [self.model, "--host", "127.0.0.1", "--port", str(self.port)]
        words += ["--device", "cpu", "--dtype", "float32"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, *words], stdout=log, stderr=log, env=environment
            )
        deadline = time.monotonic() + _DEADLINE_SEC
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise EngineStartError(f"transformers serve does not answer: {said}")
            threading.Event().wait(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def with_spoken_places(folder: Path) -> Path:
    """The embedded checkpoint, copied to ``folder``, with location tokens that are not special.

    ``transformers serve`` leaves special tokens out of its answers, and cannot be told not to.
    """
    shutil.copytree(EMBEDDED_FOLDER / "mllm", folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    for token in tokenizer["added_tokens"]:
        token["special"] = token["special"] and "<loc" not in token["content"]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    kept = [name for name in settings["extra_special_tokens"] if "<loc" not in name]
    settings["extra_special_tokens"] = kept
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder

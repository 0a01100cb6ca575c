"""The files of the loaded models are overwritten, cut short and deleted under the running pipeline:
not a bit of its answers changes, and none of the files is mapped into its memory.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.types import Frame
from ppcr_ros.models.factory import build_pipeline
from ppcr_ros.replay.compare import differences
from ppcr_ros.weights.location import EMBEDDED_FOLDER


def run(plan: Plan) -> FaultOutcome:
    outcome = FaultOutcome("changed_weights")
    scenes = load_recording().scenes[: plan.of(10, 2)]
    asked = [(scene.view.rgb, scene.commands[0].text) for scene in scenes]
    with tempfile.TemporaryDirectory() as name:
        folder = shutil.copytree(EMBEDDED_FOLDER, Path(name) / "models")
        config = Config(
            mllm=MllmConfig(model=str(folder / "mllm"), device="cpu", dtype="float32"),
            segmenter=SegmenterConfig(model=str(folder / "segmenter"), device="cpu"),
        )
        with build_pipeline(config) as pipeline:
            before = [pipeline.run(Frame(rgb=rgb), words) for rgb, words in asked]
            mapped = _mapped_below(folder)
            changed = 0
            for path in sorted(folder.rglob("*.safetensors")):
                size = path.stat().st_size
                for change in ("zeros", "cut short", "deleted"):
                    _change(path, change, size)
                    for (rgb, words), earlier in zip(asked, before, strict=True):
                        outcome.tried += 1
                        now = pipeline.run(Frame(rgb=rgb), words)
                        changed += bool(differences(earlier, now))
    outcome.expect(not mapped, f"{mapped} files of weights are mapped into memory")
    outcome.expect(not changed, f"{changed} answers changed")
    outcome.figures |= {"answers that changed": changed, "files that are mapped": mapped}
    return outcome


def _change(path: Path, change: str, size: int) -> None:
    if change == "deleted":
        path.unlink()
        return
    with path.open("r+b") as file:
        file.write(bytes(size))
        if change == "cut short":
            file.truncate(100)


def _mapped_below(folder: Path) -> int:
    maps = Path("/proc/self/maps")
    lines = maps.read_text(encoding="utf-8").splitlines() if maps.is_file() else []
    return sum(str(folder) in line for line in lines)

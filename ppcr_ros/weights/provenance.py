"""Provenance of a figure: all that is needed to measure it again."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

import ppcr_ros
from ppcr_ros.core.config import Config, flatten
from ppcr_ros.core.options import Scalar
from ppcr_ros.weights.location import beside, locate, sha256_of

_PACKAGES = (
    "numpy",
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "safetensors",
    "segment-anything",
    "mujoco",
    "pillow",
)


@dataclass(frozen=True)
class Provenance:
    """Origin of figures.

    Attributes:
        command_line: as typed.
        date: when the run began, ISO 8601, UTC.
        config: every option by its dotted name.
        weights_sha256: ``mllm/model.safetensors`` and the like, the prompt adapter's and the
            calibration's files among them, with the file's SHA-256.
        packages: versions of what was installed of the packages that matter.
        machine: processor, cores, accelerator, operating system.
    """

    command_line: str
    date: str
    config: dict[str, Scalar]
    weights_sha256: dict[str, str]
    packages: dict[str, str]
    machine: dict[str, str]


def provenance(config: Config, command_line: Sequence[str]) -> Provenance:
    """The provenance of a run that begins now; reads the weights once for their checksums."""
    return Provenance(
        command_line=shlex.join(command_line),
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        config=flatten(config),
        weights_sha256={
            f"{model.role}/{name}": digest
            for model in locate(config)
            for name, digest in model.sha256().items()
        }
        | {f"{path.parent.name}/{path.name}": sha256_of(path) for path in beside(config)},
        packages=package_versions(),
        machine=machine(),
    )


def package_versions() -> dict[str, str]:
    """The versions of ppcr_ros, Python and the installed ones of the packages that matter."""
    versions = {"ppcr_ros": ppcr_ros.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def machine() -> dict[str, str]:
    """The processor, cores, operating system and, where torch is loaded, the accelerator."""
    found = {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count() or 0),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        found["torch_threads"] = str(torch.get_num_threads())
        if torch.cuda.is_available():
            found["accelerator"] = str(torch.cuda.get_device_name(0))
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

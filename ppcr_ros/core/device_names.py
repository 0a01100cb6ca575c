"""Device names: ``auto``, ``cpu``, ``cuda``, or one GPU of several: ``cuda:1``."""

from __future__ import annotations

import re

from ppcr_ros.core.errors import ConfigError

_CUDA = re.compile(r"cuda(?::(\d{1,2}))?")
EXPECTED = "auto, cpu, cuda or one of several GPUs, such as cuda:1"


def check_device(name: str) -> str:
    """``name`` where it is one.

    Raises:
        ConfigError: where it is none.
    """
    if name not in ("auto", "cpu") and not _CUDA.fullmatch(name):
        raise ConfigError(f"the device is {name!r}; expected {EXPECTED}.")
    return name


def asks_for_cuda(name: str) -> bool:
    """Whether CUDA is asked for by name."""
    return _CUDA.fullmatch(name) is not None


def cuda_index(name: str) -> int:
    """The number of the GPU that is meant where the model runs on one; 0 unless it is named."""
    found = _CUDA.fullmatch(name)
    return int(found[1] or 0) if found else 0

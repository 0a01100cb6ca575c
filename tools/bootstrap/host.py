"""Facts of the machine: compiler, all of Python, NVIDIA GPU, a way to PyTorch's CPU builds."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import ssl
import sys
import sysconfig
import threading
import urllib.request
from pathlib import Path

from tools.bootstrap.errors import SetupError

SUPPORTED_PYTHON = ((3, 10), (3, 14))
"""From Humble's on Ubuntu 22.04 to Lyrical's on 26.04."""
NEWEST_WHEELS_PYTHON = (3, 13)
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_TIMEOUT_SEC = 3.0


def missing_apt_packages(*, venv: bool) -> dict[str, str]:
    """What has to be installed first: apt package -> what it brings."""
    missing = {}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if venv and not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        missing[f"python{version}-venv"] = "Python's venv module with pip"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        missing[f"python{version}-dev"] = "Python.h, to build the messages"
    compilers = (os.environ.get("CC", "cc"), os.environ.get("CXX", "c++"))
    if not all(shutil.which(name.split()[0]) for name in compilers) or not shutil.which("make"):
        missing["build-essential"] = "a C and C++ compiler, to build the messages"
    return missing


def check(*, wheels: bool, venv: bool) -> None:
    """Raise `SetupError` with the remedy where this machine cannot be set up."""
    here = sys.version_info[:2]
    low, high = SUPPORTED_PYTHON
    if wheels:
        high = NEWEST_WHEELS_PYTHON
    if not low <= here <= high:
        why, advice = "", "Name another: make PYTHON=python3.12 ..."
        if wheels and here > high:
            why = ", for which there are ROS 2 wheels"
            advice += " Or source a ROS 2 that is built for it (Lyrical: Python 3.14)."
        raise SetupError(
            f"{sys.executable} is Python {platform.python_version()}; expected "
            f"{low[0]}.{low[1]} to {high[0]}.{high[1]}{why}. {advice}"
        )
    if wheels and (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(
            f"this is {platform.system()} on {platform.machine()}; ROS 2 wheels exist for Linux on "
            "x86_64 only. Install a ROS 2 distribution (Humble to Lyrical), source its "
            "setup.bash and run make again."
        )
    missing = missing_apt_packages(venv=venv)
    if missing:
        reasons = "".join(f"\n    {package}: {reason}" for package, reason in missing.items())
        raise SetupError(
            f"missing on this machine:{reasons}\n  Run: sudo apt-get install -y {' '.join(missing)}"
        )


def has_nvidia_gpu() -> bool:
    """Whether a driver for an NVIDIA GPU is there (a Jetson's or WSL's too)."""
    devices = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvhost-gpu", "/usr/lib/wsl/lib/nvidia-smi")
    return any(Path(device).exists() for device in devices)


def torch_cpu_index() -> str | None:
    """The index of PyTorch's CPU builds, or None where it does not answer within seconds."""
    answered = threading.Event()

    def probe() -> None:
        request = urllib.request.Request(f"{TORCH_CPU_INDEX}/torch/", method="HEAD")
        certificates = os.environ.get("PIP_CERT") or None
        try:
            context = ssl.create_default_context(cafile=certificates)
            with urllib.request.urlopen(request, timeout=PROBE_TIMEOUT_SEC, context=context):
                answered.set()
        except (OSError, ValueError):
            pass  # urllib's and ssl's errors are OSErrors: no answer is an answer

    # A thread, as the look-up of the host name heeds no timeout.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(PROBE_TIMEOUT_SEC)
    return TORCH_CPU_INDEX if answered.is_set() else None

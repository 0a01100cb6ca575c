"""The virtual environment and what pip installs into it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from tools.bootstrap import host
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import Layout
from tools.bootstrap.steps import Steps

PIP_ADVICE = (
    "Check the network (or pip's index settings) and run make again; finished steps are kept."
)

PROVIDED_BY_DISTRIBUTION = {
    "opencv-python-headless": "cv2",
    "transforms3d": "transforms3d",
    "torch": "torch",
    "torchvision": "torchvision",
    "colcon-common-extensions": "colcon_core",
}
"""Requirement -> module: left to a sourced distribution's machine where the module is there, as its
own builds fit its numpy and, on a Jetson, its CUDA."""


class Packages:
    """Packages in the virtual environment of ``layout``."""

    def __init__(self, layout: Layout, steps: Steps) -> None:
        self._layout = layout
        self._steps = steps
        self._stamps = layout.venv / ".setup"
        # What every stamp hangs on: they lie in the environment that they speak of, but a copied or
        # moved one is stale.
        self._base = (str(layout.root), layout.sourced)

    def install(self, *, dev: bool, web: bool = False) -> None:
        """Bring everything up to date; what is there already costs nothing."""
        self._make_venv()
        self._install_torch()
        self._pip("Python packages", "runtime.txt")
        self._pip("torchvision", "torchvision.txt", options=["--no-deps"])
        self._pip("OpenVINO", "openvino.txt", options=["--no-deps"])
        self._pip("ROS helpers", "ros-extras.txt")
        self._pip("build tools", "build.txt", more=self._cmake())
        if not self._layout.sourced:
            self._install_ros_wheels()
        if web:
            self._pip("the page", "web.txt")
        if dev:
            self._pip("test tools", "dev.txt")

    @property
    def ros_wheels_stamp(self) -> Path:
        return self._stamps / "ros-wheels"

    @property
    def python_version(self) -> str:
        """The version of the environment's Python, such as ``3.11.2``."""
        for line in (self._layout.venv / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "version":
                return value.strip()
        return "unknown"

    def _make_venv(self) -> None:
        """Make the environment; one that works is kept, whichever Python this runs on."""
        venv, stamp = self._layout.venv, self._stamps / "venv"
        if is_usable_venv(venv):
            if self._steps.is_fresh(stamp, self._base):
                return
            if not stamp.is_file():
                self._steps.once(f"taking over {venv.name}", stamp, self._base, _nothing)
                return
        elif venv.is_dir() and not stamp.is_file():
            raise SetupError(
                f"{venv} is no virtual environment of Python 3.10 to 3.14. Remove it "
                f"(rm -r {venv}) and run make again."
            )
        # Ours, but copied from another checkout or without its Python.
        stamp.unlink(missing_ok=True)
        self._steps.once(f"virtual environment {venv.name}", stamp, self._base, self._create_venv)

    def _create_venv(self) -> None:
        venv = self._layout.venv
        if venv.is_dir():
            shutil.rmtree(venv)
        # The base interpreter: this one may be the environment that is being replaced.
        python = getattr(sys, "_base_executable", "") or sys.executable
        flags = ["--system-site-packages"] if self._layout.sourced else []
        self._steps.run(
            [python, "-m", "venv", *flags, venv],
            cwd=self._layout.root,
            advice="Check that the disk is not full and that the folder can be written.",
        )
        if self._layout.sourced and sys.prefix != sys.base_prefix:
            # The sourced ROS 2 lives in a virtual environment of its own: let this one see it.
            own = next(venv.glob("lib/python*/site-packages"))
            line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
            (own / "sourced_ros.pth").write_text(line, encoding="utf-8")

    def _install_torch(self) -> None:
        lines = self._wanted("torch.txt")
        title = f"PyTorch {lines[0].split('==')[-1]}" if lines else "PyTorch"
        stamp = self._stamps / "torch"
        key = (*self._base, *lines)
        extra: list[str] = []

        def install() -> None:
            self._run_pip(extra, lines)

        if not self._steps.is_fresh(stamp, key):
            if host.has_nvidia_gpu():
                title += " for the NVIDIA GPU (a large download)"
            elif index := host.torch_cpu_index():
                title += " (CPU build)"
                extra += ["--extra-index-url", index]
        self._steps.once(title, stamp, key, install)

    def _install_ros_wheels(self) -> None:
        prefix = self._layout.wheel_prefix
        files = [self._file("ros-wheels.txt"), self._file(f"ros-wheels-{self._layout.distro}.txt")]
        lines = [
            prefix + name for file in files if file.is_file() for name in read_requirements(file)
        ]
        self._steps.once(
            f"ROS 2 {self._layout.distro.capitalize()} wheels",
            self.ros_wheels_stamp,
            (*self._base, *lines),
            lambda: self._run_pip([], lines),
        )

    def _cmake(self) -> list[str]:
        return [] if shutil.which("cmake") else ["cmake>=3.22,<4"]

    def _pip(
        self, title: str, file: str, *, options: Sequence[str] = (), more: Sequence[str] = ()
    ) -> None:
        """What requirements file ``file`` lists, and ``more``, in one call of pip."""
        lines = [*self._wanted(file), *more]
        self._steps.once(
            title,
            self._stamps / Path(file).stem,
            (*self._base, *options, *lines),
            lambda: self._run_pip(options, lines),
        )

    def _wanted(self, file: str) -> list[str]:
        """The lines of a requirements file, less what a sourced distribution brings."""
        lines = read_requirements(self._file(file))
        if not self._layout.sourced:
            return lines
        return [line for line in lines if not self._is_provided(requirement_name(line))]

    def _is_provided(self, name: str) -> bool:
        module = PROVIDED_BY_DISTRIBUTION.get(name)
        return module is not None and has_module(sys.executable, module)

    def _run_pip(self, options: Sequence[str], lines: Sequence[str]) -> None:
        if not lines:
            return
        env = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
        constraints = self._constraints()
        self._steps.run(
            [self._layout.venv_python, "-m", "pip", "install", *options, *constraints, *lines],
            cwd=self._layout.root,
            env=env,
            advice=PIP_ADVICE,
        )

    def _constraints(self) -> list[str]:
        """A distribution's compiled messages work with its own generation of numpy only."""
        if not self._layout.sourced:
            return []
        code = "import numpy; print(numpy.__version__.split('.')[0])"
        probe = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if probe.stdout.strip() != "1":
            return []
        file = self._layout.ros / "constraints.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("numpy<2\n", encoding="utf-8")
        return ["--constraint", str(file)]

    def _file(self, name: str) -> Path:
        return self._layout.requirements / name


def is_usable_venv(venv: Path) -> bool:
    """Whether ``venv`` holds a virtual environment of a Python that will do."""
    python = venv / "bin" / "python"
    if not python.exists():
        return False
    code = "import pip, sys; print(sys.prefix, *sys.version_info[:2])"
    probe = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    low, high = host.SUPPORTED_PYTHON
    accepted = {f"{venv} {low[0]} {minor}" for minor in range(low[1], high[1] + 1)}
    return probe.stdout.strip() in accepted


def _nothing() -> None:
    pass


def read_requirements(file: Path) -> list[str]:
    """The requirements in ``file``, without comments and empty lines."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def requirement_name(line: str) -> str:
    """The project that a requirement such as ``numpy<2.3`` names."""
    for at, character in enumerate(line):
        if character in "<>=!~;[ ":
            return line[:at]
    return line


def has_module(python: str | Path, module: str) -> bool:
    """Whether ``python`` finds ``module`` (which is not imported: torch takes seconds)."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0

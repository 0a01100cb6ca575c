"""Builds the package with colcon and writes the script that enters the environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import Layout
from tools.bootstrap.steps import Steps, fingerprint

FOREIGN_PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")
FOREIGN_NUMPY = re.compile(
    r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/_?core/include"
)
ROS_VARIABLES = (
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "PYTHONPATH",
    "ROS_DISTRO",
    "ROS_VERSION",
    "ROS_PYTHON_VERSION",
)
"""What a sourced distribution sets; the wheels must not see another one's."""
OVERLAY = "PPCR_OVERLAY"
"""Names a colcon install folder that is sourced beside the built package."""
BUILT_FROM = ("CMakeLists.txt", "package.xml", "msg/*.msg", "srv/*.srv", "action/*.action")
INSTALLED = ("ppcr_ros", "ppcr_lab", "config", "launch", "scripts")


class Messages:
    """The built package of ``layout``: messages, and links to the sources of the Python package."""

    def __init__(self, layout: Layout, steps: Steps) -> None:
        self.layout = layout
        self._steps = steps

    def build(self, wheels_stamp: Path) -> None:
        """Build where a message, the build's own files or the list of sources has changed."""
        inputs = self._inputs(wheels_stamp)
        stamp = self.layout.ros / "built"
        if not self.layout.install.is_dir():
            stamp.unlink(missing_ok=True)
        self._steps.once("messages and package", stamp, inputs, self.compile_package)

    def _inputs(self, wheels_stamp: Path) -> list[object]:
        root = self.layout.root
        contents = sorted(path for pattern in BUILT_FROM for path in root.glob(pattern))
        # Links are installed: of the sources, only their names matter.
        names = sorted(str(path) for folder in INSTALLED for path in _files_under(root / folder))
        python = self.layout.venv / "pyvenv.cfg"
        return [str(root), *map(str, contents), *contents, *names, wheels_stamp, python]

    def compile_package(self) -> None:
        """Build with colcon, sources as links."""
        layout = self.layout
        if not layout.sourced:
            self.localise_wheels()
        colcon = self._colcon()
        self._drop_foreign_build()
        python = layout.venv_python
        self._steps.run(
            [
                *(colcon, "--log-base", layout.ros / "log"),
                *("build", "--base-paths", layout.root, "--packages-select", "ppcr_ros"),
                *("--build-base", layout.ros / "build", "--install-base", layout.install),
                "--symlink-install",
                *("--cmake-args", "--no-warn-unused-cli", "-DBUILD_TESTING=OFF"),
                *(f"-DPython3_EXECUTABLE={python}", f"-DPYTHON_EXECUTABLE={python}"),
            ],
            cwd=layout.root,
            env=self._environment(),
            advice="The first error of the compiler or of CMake above says what is missing.",
        )
        for path in layout.install.rglob("*"):
            if path.is_symlink() and not path.exists():
                path.unlink()  # the source was renamed or removed
        self.write_env_script()

    def localise_wheels(self) -> None:
        """Put this machine's paths in place of those of the machine that built the wheels."""
        code = (
            "import numpy, sysconfig\n"
            "print(sysconfig.get_path('include'), numpy.get_include(), sep='\\n')"
        )
        probe = subprocess.run(
            [self.layout.venv_python, "-c", code], capture_output=True, text=True, check=True
        )
        include, numpy_include = probe.stdout.split("\n")[:2]
        for file in (self.layout.venv / "share").glob("*/cmake/*.cmake"):
            text = file.read_text(encoding="utf-8")
            local = FOREIGN_PYTHON.sub(lambda _: include, text)
            local = FOREIGN_NUMPY.sub(lambda _: numpy_include, local)
            if local != text:
                file.write_text(local, encoding="utf-8")

    def _drop_foreign_build(self) -> None:
        """Begin anew where the last build was made from another place or for another Python."""
        marker = self.layout.ros / "built-for"
        key = fingerprint([str(self.layout.root), self.layout.venv / "pyvenv.cfg"])
        if not marker.is_file() or marker.read_text(encoding="utf-8") != key:
            for folder in (self.layout.ros / "build", self.layout.install):
                shutil.rmtree(folder, ignore_errors=True)
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.write_text(key, encoding="utf-8")

    def _colcon(self) -> Path:
        own = self.layout.venv / "bin" / "colcon"
        found = str(own) if own.exists() else shutil.which("colcon")
        if found is None:
            raise SetupError(
                "no colcon; run: sudo apt-get install -y python3-colcon-common-extensions"
            )
        return Path(found)

    def _environment(self) -> dict[str, str]:
        venv = str(self.layout.venv)
        env = dict(os.environ)
        if not self.layout.sourced:
            for name in ROS_VARIABLES:
                env.pop(name, None)
            env["AMENT_PREFIX_PATH"] = env["CMAKE_PREFIX_PATH"] = venv
            env["LD_LIBRARY_PATH"] = _joined(f"{venv}/lib", env.get("LD_LIBRARY_PATH"))
        env["VIRTUAL_ENV"] = venv
        env["PATH"] = _joined(f"{venv}/bin", env.get("PATH"))
        return env

    def write_env_script(self) -> None:
        """Write what is sourced to work with the package."""
        layout = self.layout
        lines = [
            "# Made by `make`; source it in bash: the environment, ROS 2 and the built package.",
        ]
        if layout.sourced:
            lines += [
                f'if [ "${{ROS_DISTRO:-}}" != "{layout.distro}" ]; then',
                f'  echo "source ROS 2 {layout.distro}\'s setup.bash first" >&2; return 1',
                "fi",
            ]
            if sys.prefix != sys.base_prefix:
                # ROS 2 in a virtual environment: its start-up hook has found its libraries for
                # this process, and would not for the environment that is entered here.
                libraries = os.environ.get("LD_LIBRARY_PATH", "")
                lines.append(f'export LD_LIBRARY_PATH="{libraries}:${{LD_LIBRARY_PATH:-}}"')
        else:
            lines += [
                f"unset {' '.join(ROS_VARIABLES)}",
                f'export AMENT_PREFIX_PATH="{layout.venv}" CMAKE_PREFIX_PATH="{layout.venv}"',
                f'export LD_LIBRARY_PATH="{layout.venv}/lib'
                '${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"',
            ]
        lines += [
            f'. "{layout.venv}/bin/activate"',
            f'. "{layout.install}/local_setup.bash"',
            f'export ROS_LOG_DIR="${{ROS_LOG_DIR:-{layout.ros}/log/ros}}"',
        ]
        # What this ROS 2 lacks, built by its user: see CONTRIBUTING.md.
        lines.append(f'if [ -n "${{{OVERLAY}:-}}" ]; then . "${{{OVERLAY}}}/local_setup.bash"; fi')
        layout.env_script.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _files_under(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _joined(first: str, rest: str | None) -> str:
    return f"{first}{os.pathsep}{rest}" if rest else first

"""Layout of the checkout, for each ROS 2 that it can be set up with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WHEEL_DISTRIBUTIONS = {"jazzy": "ros-jazzy-", "kilted": "ros-"}
"""The distributions on PyPI, with the prefix of their wheels.

Kilted is past its end of life and stays as the newest rclpy that has wheels: what fails there fails
on Lyrical, which has none, as well. No robot should run it.
"""
DEFAULT_DISTRIBUTION = "jazzy"


@dataclass(frozen=True)
class Layout:
    """The folders of one set-up.

    Attributes:
        distro: name of the ROS 2 distribution, such as ``jazzy``.
        sourced: True where a distribution on the machine is used, False for the wheels.
        root: the checkout.
    """

    distro: str
    sourced: bool = False
    root: Path = REPOSITORY

    @property
    def name(self) -> str:
        return f"system-{self.distro}" if self.sourced else self.distro

    @property
    def venv(self) -> Path:
        plain = self.distro == DEFAULT_DISTRIBUTION and not self.sourced
        return self.root / (".venv" if plain else f".venv-{self.name}")

    @property
    def venv_python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def ros(self) -> Path:
        """Build products, logs and the script that enters the environment."""
        return self.root / ".ros" / self.name

    @property
    def install(self) -> Path:
        return self.ros / "install"

    @property
    def log(self) -> Path:
        return self.ros / "log" / "setup.log"

    @property
    def env_script(self) -> Path:
        return self.ros / "env.bash"

    @property
    def wheel_prefix(self) -> str:
        return WHEEL_DISTRIBUTIONS[self.distro]

    @property
    def requirements(self) -> Path:
        return self.root / "requirements"

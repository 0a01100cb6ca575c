"""Folder of the configuration files that come with the package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.paths import usable_path


def config_folders() -> list[Path]:
    """The first folder with the package's configuration files: sources, ROS prefix or Python's."""
    roots = [Path(part) for part in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if part]
    candidates = [
        Path(__file__).resolve().parents[2] / "config",
        *(root / "share" / "ppcr_ros" / "config" for root in (*roots, Path(sys.prefix))),
    ]
    return [folder for folder in candidates if any(folder.glob("*.yaml"))][:1]


def find_config(name: str | Path) -> Path:
    """The parameter file ``name``: a path, or the name of one that ships with the package.

    ``desktop_gpu`` is ``config/desktop_gpu.yaml`` of the package, and ``desktop_gpu.yaml`` as well
    where there is no such file in the current folder.

    Raises:
        ConfigError: where there is neither.
    """
    path = usable_path(name, "the parameter file")
    shipped = shipped_configs()
    if str(name) in shipped:
        return shipped[str(name)]
    if path.exists():
        return path
    if str(name).removesuffix(".yaml") in shipped:
        return shipped[str(name).removesuffix(".yaml")]
    raise ConfigError(
        f"there is no parameter file {name}; expected the path of one, or one of "
        f"{', '.join(sorted(shipped)) or 'the config folder, which is not installed'}."
    )


def shipped_configs() -> dict[str, Path]:
    """The package's own parameter files by name, without ``.yaml``."""
    return {path.stem: path for folder in config_folders() for path in folder.glob("*.yaml")}

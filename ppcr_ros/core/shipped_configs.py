"""Where the configuration files that come with the package lie."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def config_folders() -> list[Path]:
    """The first folder with the package's configuration files: sources, ROS prefix or Python's."""
    roots = [Path(part) for part in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if part]
    candidates = [
        Path(__file__).resolve().parents[2] / "config",
        *(root / "share" / "ppcr_ros" / "config" for root in (*roots, Path(sys.prefix))),
    ]
    return [folder for folder in candidates if any(folder.glob("*.yaml"))][:1]


def shipped_configs() -> dict[str, Path]:
    """The package's own parameter files by name, without ``.yaml``."""
    return {path.stem: path for folder in config_folders() for path in folder.glob("*.yaml")}

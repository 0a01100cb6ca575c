"""Truth of a kept scene, as JSON: its things and its camera."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.objects import ObjectSpec
from ppcr_lab.sim.scene import Scene
from ppcr_lab.worlds.layout import bare_scene

_DIGITS = 5


def write_truth(path: Path, scene: Scene) -> None:
    """Write what `read_truth` reads."""
    content = {
        "seed": scene.seed,
        "camera": asdict(scene.camera),
        "objects": [asdict(item) for item in scene.objects],
    }
    path.write_text(json.dumps(_rounded(content)) + "\n", encoding="utf-8")


def read_truth(path: Path) -> Scene:
    """The scene of ``path``.

    Raises:
        ValueError: where the file is not what `write_truth` writes.
        OSError: where it cannot be read.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    try:
        camera = Camera(**_tupled(content["camera"]))
        objects = tuple(ObjectSpec(**_tupled(item)) for item in content["objects"])
        return bare_scene(objects, camera, int(content["seed"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a scene of a world: {error!r}") from error


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _tupled(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}

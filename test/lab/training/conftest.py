"""Scenes to train on that need no renderer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ppcr_lab.sim.commands import sample_commands
from ppcr_lab.sim.geometry import visible_boxes_px
from ppcr_lab.sim.phrases import full_name
from ppcr_lab.sim.scene import sample_scene, scene_rng
from ppcr_lab.training.render import HEIGHT_PX, WIDTH_PX


@pytest.fixture(scope="session")
def paint_scenes() -> Callable[[Path, int], None]:
    """Writes scenes in the data engine's format, painted as flat squares instead of rendered."""
    return _paint


def _paint(path: Path, count: int) -> None:
    path.mkdir(parents=True, exist_ok=True)
    rgb = np.full((count, HEIGHT_PX, WIDTH_PX, 3), 120, np.uint8)
    instance = np.full((count, HEIGHT_PX, WIDTH_PX), -1, np.int8)
    with (path / "scenes.jsonl").open("w") as lines:
        for row in range(count):
            rng = scene_rng("train", row)
            scene = sample_scene(rng)
            places = np.array([item.position_m for item in scene.objects])
            for index, (x, y) in enumerate(scene.camera.project_px(places, WIDTH_PX, HEIGHT_PX)):
                part = (row, slice(int(y) - 12, int(y) + 12), slice(int(x) - 12, int(x) + 12))
                instance[part] = index
                rgb[part] = (np.array(scene.objects[index].rgb) * 255).astype(np.uint8)
            boxes = visible_boxes_px(instance[row], len(scene.objects))
            commands = sample_commands(scene, instance[row], rng, 6)
            record = {
                "objects": [
                    (o.size, o.colour, o.category, o.trim_colour or "") for o in scene.objects
                ],
                "names": [full_name(o) for o in scene.objects],
                "boxes_xyxy_px": [None if b is None else b.tolist() for b in boxes],
                "commands": [vars(command) for command in commands],
            }
            lines.write(json.dumps(record) + "\n")
    np.save(path / "rgb.npy", rgb)
    np.save(path / "instance.npy", instance)

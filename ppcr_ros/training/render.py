"""The data engine: tabletop scenes rendered once, with commands and ground truth, as memory maps.

A folder of scenes holds, for n scenes:

- ``rgb.npy`` (n, H, W, 3) uint8 and ``instance.npy`` (n, H, W) int8, of `TabletopRenderer`;
- ``scenes.jsonl``: for each scene its objects, their visible boxes and the commands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ppcr_ros.core.types import Array
from ppcr_ros.sim.commands import ReferringCommand, sample_commands
from ppcr_ros.sim.geometry import visible_boxes_px
from ppcr_ros.sim.scene import sample_scene, scene_rng

WIDTH_PX, HEIGHT_PX = 320, 240


@dataclass(frozen=True)
class SceneRecord:
    """The ground truth of one rendered scene.

    ``objects`` are (size, colour, shape); ``boxes_xyxy_px`` are half-open, None where unseen.
    """

    objects: list[tuple[str, str, str]]
    boxes_xyxy_px: list[list[float] | None]
    commands: list[ReferringCommand]


def render_scenes(
    folder: Path,
    *,
    split: str,
    count: int,
    commands_per_scene: int,
    start: int = 0,
) -> None:
    """Render scenes ``start`` to ``start + count`` of ``split`` into ``folder``, once.

    Raises:
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    from ppcr_ros.sim.renderer import TabletopRenderer

    if (folder / "scenes.jsonl").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, HEIGHT_PX, WIDTH_PX)
    rgb = np.lib.format.open_memmap(folder / "rgb.npy", "w+", np.uint8, (*shape, 3))
    instance = np.lib.format.open_memmap(folder / "instance.npy", "w+", np.int8, shape)
    unfinished = folder / "scenes.jsonl.part"
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX) as renderer, unfinished.open("w") as lines:
        for row in tqdm(range(count), desc=f"render {split}", mininterval=2.0):
            rng = scene_rng(split, start + row)
            scene = sample_scene(rng)
            picture = renderer.render(scene, depth=False)
            rgb[row], instance[row] = picture.rgb, picture.instance
            boxes = visible_boxes_px(picture.instance, len(scene.objects))
            record: dict[str, Any] = {
                "objects": [(o.size, o.colour, o.shape) for o in scene.objects],
                "boxes_xyxy_px": [None if b is None else b.tolist() for b in boxes],
                "commands": [
                    asdict(command)
                    for command in sample_commands(scene, picture.instance, rng, commands_per_scene)
                ],
            }
            lines.write(json.dumps(record) + "\n")
    rgb.flush()
    instance.flush()
    unfinished.rename(folder / "scenes.jsonl")


@dataclass(frozen=True)
class RenderedScenes:
    """A folder that `render_scenes` wrote.

    Attributes:
        rgb: (n, H, W, 3) uint8 memory map.
        instance: (n, H, W) int8 memory map.
        records: n records.
    """

    rgb: Array
    instance: Array
    records: list[SceneRecord]

    @classmethod
    def load(cls, folder: Path) -> RenderedScenes:
        return cls(
            rgb=np.load(folder / "rgb.npy", mmap_mode="r"),
            instance=np.load(folder / "instance.npy", mmap_mode="r"),
            records=list(_records(folder / "scenes.jsonl")),
        )

    def __len__(self) -> int:
        return len(self.records)


def _records(path: Path) -> Iterator[SceneRecord]:
    with path.open() as lines:
        for line in lines:
            item = json.loads(line)
            yield SceneRecord(
                objects=[tuple(o) for o in item["objects"]],
                boxes_xyxy_px=item["boxes_xyxy_px"],
                commands=[ReferringCommand(**command) for command in item["commands"]],
            )

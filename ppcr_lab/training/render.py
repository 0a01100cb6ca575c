"""The data engine: tabletop scenes rendered once, with commands and ground truth, as memory maps.

A folder of scenes holds, for n scenes:

- ``rgb.npy`` (n, H, W, 3) uint8 and ``instance.npy`` (n, H, W) int8, of `TabletopRenderer`;
- ``scenes.jsonl``: for each scene its objects, their visible boxes and the commands.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ppcr_lab.sim.commands import ReferringCommand, sample_commands
from ppcr_lab.sim.geometry import visible_boxes_px
from ppcr_lab.sim.phrases import full_name
from ppcr_lab.sim.scene import ObjectSpec, sample_scene, scene_rng
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.types import Array

WIDTH_PX, HEIGHT_PX = 320, 240
SHARD_SCENES = 4000
"""Scenes of one shard: rendered by one process, whatever the number of processes."""


@dataclass(frozen=True)
class SceneRecord:
    """The ground truth of one rendered scene.

    ``objects`` are (size, colour, category, second colour or ""), ``names`` the same in canonical
    words; ``boxes_xyxy_px`` are half-open, None where unseen.
    """

    objects: list[tuple[str, str, str, str]]
    names: list[str]
    boxes_xyxy_px: list[list[float] | None]
    commands: list[ReferringCommand]


def render_shards(
    folder: Path, *, split: str, count: int, commands_per_scene: int, processes: int
) -> list[Path]:
    """Render ``count`` scenes of ``split`` into folders of `SHARD_SCENES`, several at once.

    What was rendered before stays. Returns the folders, in the order of the scenes.

    Raises:
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    starts = range(0, count, SHARD_SCENES)
    folders = [folder / f"{split}-{start // SHARD_SCENES:02d}" for start in starts]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [
            pool.submit(
                render_scenes,
                shard,
                split=split,
                count=min(SHARD_SCENES, count - start),
                commands_per_scene=commands_per_scene,
                start=start,
                bar_row=number % processes,
            )
            for number, (shard, start) in enumerate(zip(folders, starts, strict=True))
        ]
        for job in jobs:
            job.result()
    return folders


def render_scenes(
    folder: Path,
    *,
    split: str,
    count: int,
    commands_per_scene: int,
    start: int = 0,
    bar_row: int = 0,
) -> None:
    """Render scenes ``start`` to ``start + count`` of ``split`` into ``folder``, once.

    ``bar_row`` is the terminal's row of the progress bar, where several processes render.

    Raises:
        ConfigError: when the folder holds another number of scenes.
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    from ppcr_lab.sim.renderer import TabletopRenderer

    if (folder / "scenes.jsonl").exists():
        with (folder / "scenes.jsonl").open() as lines:
            there = sum(1 for _ in lines)
        if there != count:
            raise ConfigError(
                f"{folder} holds {there} rendered scenes; {count} are wanted. Ask for as many as "
                "before, or give another --folder."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, HEIGHT_PX, WIDTH_PX)
    rgb = np.lib.format.open_memmap(folder / "rgb.npy", "w+", np.uint8, (*shape, 3))
    instance = np.lib.format.open_memmap(folder / "instance.npy", "w+", np.int8, shape)
    unfinished = folder / "scenes.jsonl.part"
    with TabletopRenderer(WIDTH_PX, HEIGHT_PX) as renderer, unfinished.open("w") as lines:
        bar = tqdm(range(count), desc=f"render {folder.name}", mininterval=2.0, position=bar_row)
        for row in bar:
            rng = scene_rng(split, start + row)
            scene = sample_scene(rng)
            picture = renderer.render(scene, depth=False)
            rgb[row], instance[row] = picture.rgb, picture.instance
            boxes = visible_boxes_px(picture.instance, len(scene.objects))
            record: dict[str, Any] = {
                "objects": [_looks(item) for item in scene.objects],
                "names": [full_name(item) for item in scene.objects],
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


def _looks(item: ObjectSpec) -> tuple[str, str, str, str]:
    return item.size, item.colour, item.category, item.trim_colour or ""


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
                objects=[tuple(looks) for looks in item["objects"]],
                names=item["names"],
                boxes_xyxy_px=item["boxes_xyxy_px"],
                commands=[_command(fields) for fields in item["commands"]],
            )


def _command(fields: dict[str, Any]) -> ReferringCommand:
    lists = {name: tuple(fields[name]) for name in ("anchors", "counted", "fitting")}
    return ReferringCommand(**{**fields, **lists})

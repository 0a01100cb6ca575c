"""The data engine: tabletop scenes rendered once, with commands and ground truth, as memory maps.

A folder of scenes holds, for n scenes:

- ``rgb.npy`` (n, H, W, 3) uint8 and ``instance.npy`` (n, H, W) int8, of `TabletopRenderer`;
- ``scenes.jsonl``: for each scene its objects, their visible boxes and the commands;
- ``source.json``: which scenes of which world they are, so that commands can be drawn anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ppcr_lab.orphans import end_with_parent
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.drawn_worlds import DrawnScene, draw_scene, open_renderer
from ppcr_lab.sim.geometry import visible_boxes_px
from ppcr_lab.sim.phrases import full_name
from ppcr_lab.sim.requests import sample_requests
from ppcr_lab.sim.scene import ObjectSpec
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


@dataclass(frozen=True)
class SceneSource:
    """Scenes of a folder: ``start`` to ``start + count`` of a split of a world."""

    world: str
    split: str
    start: int
    count: int
    commands_per_scene: int

    def in_shards(self, folder: Path) -> list[tuple[Path, SceneSource]]:
        """Return folders of at most `SHARD_SCENES` scenes in ``folder``, and their sources.

        They are named ``train-00`` and so on, those of another world than the tabletop with its
        name before.
        """
        name = self.split if self.world == "tabletop" else f"{self.world}-{self.split}"
        return [
            (
                folder / f"{name}-{start // SHARD_SCENES:02d}",
                replace(
                    self, start=start, count=min(SHARD_SCENES, self.start + self.count - start)
                ),
            )
            for start in range(self.start, self.start + self.count, SHARD_SCENES)
        ]


def render_shards(folder: Path, source: SceneSource, *, processes: int) -> list[Path]:
    """Render ``source`` into folders of `SHARD_SCENES`, several at once.

    What was rendered before stays. Returns the folders, in the order of the scenes.

    Raises:
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    return _in_processes(render_scenes, source.in_shards(folder), processes)


def redraw_shards(folders: list[Path], *, processes: int) -> None:
    """Draw the commands of rendered ``folders`` anew, several at once; see `redraw_commands`."""
    _in_processes(redraw_commands, [(folder, load_source(folder)) for folder in folders], processes)


def _in_processes(
    work: Callable[[Path, SceneSource, int], None],
    shards: list[tuple[Path, SceneSource]],
    processes: int,
) -> list[Path]:
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=end_with_parent) as pool:
        jobs = [
            pool.submit(work, shard, source, number % processes)
            for number, (shard, source) in enumerate(shards)
        ]
        for job in jobs:
            job.result()
    return [shard for shard, _ in shards]


def render_scenes(folder: Path, source: SceneSource, bar_row: int = 0) -> None:
    """Render the scenes of ``source`` into ``folder``, once.

    ``bar_row`` is the terminal's row of the progress bar, where several processes render.

    Raises:
        ConfigError: when the folder holds another number of scenes.
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    count = source.count
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
    # A software renderer would take all cores for each of several processes.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    shape = (count, HEIGHT_PX, WIDTH_PX)
    rgb = np.lib.format.open_memmap(folder / "rgb.npy", "w+", np.uint8, (*shape, 3))
    instance = np.lib.format.open_memmap(folder / "instance.npy", "w+", np.int8, shape)
    unfinished = folder / "scenes.jsonl.part"
    with (
        open_renderer(source.world, WIDTH_PX, HEIGHT_PX) as renderer,
        unfinished.open("w") as lines,
    ):
        bar = tqdm(range(count), desc=f"render {folder.name}", mininterval=2.0, position=bar_row)
        for row in bar:
            drawn = draw_scene(source.world, source.split, source.start + row)
            picture = renderer.render(drawn.scene, depth=False)
            rgb[row], instance[row] = picture.rgb, picture.instance
            lines.write(_record(drawn, picture.instance, source.commands_per_scene) + "\n")
    rgb.flush()
    instance.flush()
    (folder / "source.json").write_text(json.dumps(asdict(source)) + "\n", encoding="utf-8")
    unfinished.rename(folder / "scenes.jsonl")


def load_source(folder: Path) -> SceneSource:
    """Return which scenes a rendered folder holds.

    Raises:
        ConfigError: where the folder does not say so.
    """
    try:
        return SceneSource(**json.loads((folder / "source.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{folder} does not say which scenes it holds: {error}") from error


def redraw_commands(folder: Path, source: SceneSource, bar_row: int = 0) -> None:
    """Draw the commands about rendered scenes anew, as people say them by now; no picture changes.

    ``source`` says how many commands a scene gets.
    """
    instance = np.load(folder / "instance.npy", mmap_mode="r")
    unfinished = folder / "scenes.jsonl.part"
    with unfinished.open("w") as lines:
        bar = tqdm(
            range(source.count), desc=f"say {folder.name}", mininterval=2.0, position=bar_row
        )
        for row in bar:
            drawn = draw_scene(source.world, source.split, source.start + row)
            picture = np.asarray(instance[row])
            lines.write(_record(drawn, picture, source.commands_per_scene) + "\n")
    unfinished.rename(folder / "scenes.jsonl")


def _record(drawn: DrawnScene, instance: Array, commands: int) -> str:
    """Return a line of ``scenes.jsonl``."""
    scene = drawn.scene
    boxes = visible_boxes_px(instance, len(scene.objects))
    record: dict[str, Any] = {
        "objects": [_looks(item) for item in scene.objects],
        "names": [full_name(item) for item in scene.objects],
        "boxes_xyxy_px": [None if b is None else b.tolist() for b in boxes],
        "commands": [
            asdict(command) for command in sample_requests(scene, instance, drawn.rng, commands)
        ],
    }
    return json.dumps(record)


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
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return ReferringCommand(**{**fields, **lists})

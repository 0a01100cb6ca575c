"""Renders the kept pictures of ``worlds:raytraced`` with Blender's Cycles.

    pip install bpy==5.0.1 pillow numpy
    python -m ppcr_lab.worlds.raytraced_render --into ppcr_lab/worlds/raytraced_scenes \\
        --scenes 150 --samples 8 --size 480x360

The pictures in the repository are never needed anew to measure; this is how they were made. What
is there is left as it is, so a call that was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ppcr_lab.worlds import cycles_materials, cycles_scene
from ppcr_lab.worlds.layout import Setting, draw_setting
from ppcr_lab.worlds.truth import write_truth

WORLD_NUMBER = 71_001
"""What the seeds of this world's scenes begin with."""

_VIEWS = ("AgX", "AgX", "Standard", "Filmic")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, required=True, help="the folder of the pictures")
    parser.add_argument("--scenes", type=int, default=150)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--samples", type=int, default=8, help="rays a pixel")
    parser.add_argument("--size", default="480x360", help="width x height in pixels")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    try:
        import bpy
    except ImportError:
        print("this needs Blender as a module: pip install bpy==5.0.1", file=sys.stderr)
        return 2
    width, height = (int(side) for side in args.size.split("x"))
    args.into.mkdir(parents=True, exist_ok=True)
    for number in range(args.start, args.start + args.scenes):
        picture = args.into / f"{number:03d}.jpg"
        if picture.exists():
            continue
        rng = np.random.default_rng(np.random.SeedSequence([WORLD_NUMBER, number]))
        setting = draw_setting(rng, num_objects=(3, 10), aspect=width / height)
        render(bpy, setting, rng, picture, (width, height), args.samples, args.threads)
        print(number, flush=True)
    return 0


def render(
    bpy: Any,
    setting: Setting,
    rng: np.random.Generator,
    picture: Path,
    size: tuple[int, int],
    samples: int,
    threads: int,
) -> None:
    """Write ``picture`` (JPEG), the numbers of its things beside it (PNG) and the truth (JSON).

    A pixel of the PNG is 0 for what is no thing, else the thing's number in the scene plus 1.
    """
    cycles_scene.build(bpy, setting, rng)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.image_settings.file_format = "PNG"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 6
    scene.cycles.seed = int(rng.integers(2**31))
    scene.view_settings.view_transform = _VIEWS[int(rng.integers(len(_VIEWS)))]
    scene.view_settings.exposure = float(rng.uniform(-0.7, 0.8))
    quality = int(rng.integers(82, 94))
    with tempfile.TemporaryDirectory() as folder:
        colours = _rendered(bpy, Path(folder) / "colours.png")
        _show_numbers(bpy)
        numbers = _rendered(bpy, Path(folder) / "numbers.png")[:, :, 0]
    Image.fromarray(numbers).save(picture.with_suffix(".png"), optimize=True)
    write_truth(picture.with_suffix(".json"), setting.scene)
    unfinished = picture.with_suffix(".part")
    Image.fromarray(colours).save(unfinished, "JPEG", quality=quality)
    unfinished.replace(picture)  # the last, so that a picture that is there is whole


def _show_numbers(bpy: Any) -> None:
    """Change the scene so that each pixel is the ``pass_index`` of what its middle shows."""
    scene = bpy.context.scene
    scene.view_layers[0].material_override = cycles_materials.by_number(bpy)
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.0
    for thing in [item for item in scene.objects if item.type == "LIGHT"]:
        bpy.data.objects.remove(thing)
    scene.camera.data.dof.use_dof = False
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 0
    scene.cycles.pixel_filter_type = "BOX"
    scene.render.filter_size = 0.01
    scene.cycles.filter_width = 0.01
    scene.view_settings.view_transform = "Raw"
    scene.view_settings.exposure = 0.0
    scene.render.dither_intensity = 0.0


def _rendered(bpy: Any, path: Path) -> Any:
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


if __name__ == "__main__":
    sys.exit(main())

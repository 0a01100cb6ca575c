"""Recorded frames of the tabletop world: what the demo's camera shows where nothing can render.

A recording is a folder with ``recording.json`` and three PNG images for each scene: colour (8 bit
RGB), depth (16 bit, millimetres along the optical axis, 0 where unknown) and instance (8 bit, the
object's index + 1, 0 for the table). Reading one needs NumPy and Pillow only; ``python -m
ppcr_lab.sim.scene_recorder --write`` makes the shipped one again from its seeds, with MuJoCo.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ppcr_lab.sim.objects import CATEGORIES, COLOURS, SIZES
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Array

SHIPPED_RECORDING = Path(__file__).with_name("recordings")
INDEX_FILE = "recording.json"
FORMAT = "ppcr_ros.recording"
VERSION = 2
_READABLE_VERSIONS = (1, VERSION)
IMAGE_KINDS = ("rgb", "depth", "instance")


class RecordingError(PPCRError):
    """A recording that is missing, damaged or of another format."""


@dataclass(frozen=True)
class RecordedView:
    """View of a tabletop camera at one moment.

    Attributes:
        rgb: (H, W, 3) uint8, red, green, blue.
        depth_mm: (H, W) uint16, millimetres along the optical axis, 0 where unknown.
        instance: (H, W) int8, index of the object that each pixel shows, -1 for none.
        camera_matrix: (3, 3) float64, pixels, pixel centres at integer coordinates.
    """

    rgb: Array
    depth_mm: Array
    instance: Array
    camera_matrix: Array

    def mask_of(self, index: int) -> Array:
        """Where object ``index`` is seen, (H, W) bool."""
        mask: Array = self.instance == index
        return mask


@dataclass(frozen=True)
class RecordedObject:
    """An object, in the words of ``ppcr_lab.sim.objects``."""

    size: str
    colour: str
    category: str
    trim_colour: str | None = None

    @property
    def text(self) -> str:
        """``small green ball``; a second colour is not told."""
        return f"{self.size} {self.colour} {self.category}"


@dataclass(frozen=True)
class SpokenCommand:
    """A command as a person would say it, and the index of the object meant.

    ``target`` is None where no object or, with ``ambiguous``, more than one fits. With ``reply`` it
    answers the question that came of the command before it.
    """

    text: str
    target: int | None
    ambiguous: bool = False
    reply: bool = False


@dataclass(frozen=True)
class RecordedScene:
    """One scene; ``split`` and ``index`` name the seed from which it can be rendered again.

    ``split`` is one of the tabletop's, or a world that was not trained in.
    """

    split: str
    index: int
    view: RecordedView
    objects: tuple[RecordedObject, ...]
    commands: tuple[SpokenCommand, ...]

    @property
    def name(self) -> str:
        """``demo-0022``."""
        return scene_name(self.split, self.index)


@dataclass(frozen=True)
class SceneRecording:
    """Scenes of one image size, in the order in which the demo shows them."""

    scenes: tuple[RecordedScene, ...]

    def scene_named(self, name: str) -> RecordedScene:
        """The scene of this name.

        Raises:
            RecordingError: when there is none.
        """
        for scene in self.scenes:
            if scene.name == name:
                return scene
        names = ", ".join(scene.name for scene in self.scenes)
        raise RecordingError(f"the recording has no scene {name!r}; it has {names}.")


def scene_name(split: str, index: int) -> str:
    """The name of a scene, which its files begin with: ``demo-0022``."""
    return f"{split}-{index:04d}"


def load_recording(path: str | Path | None = None) -> SceneRecording:
    """Read the recording in folder ``path``; the shipped one where it is None or empty.

    Raises:
        RecordingError: when a file is missing or damaged, or the parts do not fit together.
    """
    folder = Path(path) if path else SHIPPED_RECORDING
    index_file = folder / INDEX_FILE
    try:
        document = json.loads(index_file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordingError(
            f"cannot read the recording's {index_file}: {error}. Expected a folder that "
            "'python -m ppcr_lab.sim.scene_recorder --write FOLDER' has made."
        ) from error
    found = (document.get("format"), document.get("version")) if isinstance(document, dict) else ()
    if found not in [(FORMAT, version) for version in _READABLE_VERSIONS]:
        raise RecordingError(
            f"{index_file} is of format and version {found}; expected {(FORMAT, VERSION)}. Make it "
            "again with 'python -m ppcr_lab.sim.scene_recorder --write'."
        )
    try:
        scenes = tuple(_read_scene(folder, entry) for entry in document["scenes"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(
            f"{index_file} is damaged: {type(error).__name__}: {error}. Make it again with "
            "'python -m ppcr_lab.sim.scene_recorder --write'."
        ) from error
    if not scenes:
        raise RecordingError(f"{index_file} lists no scene; expected at least one.")
    sizes = {scene.view.rgb.shape for scene in scenes}
    if len(sizes) != 1:
        raise RecordingError(f"{folder} mixes image sizes {sorted(sizes)}; expected one size.")
    return SceneRecording(scenes)


def save_recording(recording: SceneRecording, folder: str | Path) -> None:
    """Write ``recording`` into ``folder``, over the files of an earlier one there."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / INDEX_FILE).exists():
        for stale in folder.glob("*-*_*.png"):
            stale.unlink()
    for scene in recording.scenes:
        instance = (scene.view.instance + 1).astype(np.uint8)
        images = (scene.view.rgb, scene.view.depth_mm, instance)
        for kind, pixels in zip(IMAGE_KINDS, images, strict=True):
            path = folder / _image_name(scene.name, kind)
            Image.fromarray(pixels).save(path, format="PNG", optimize=True)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "scenes": [_scene_entry(scene) for scene in recording.scenes],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (folder / INDEX_FILE).write_text(text, encoding="utf-8")


def _image_name(name: str, kind: str) -> str:
    return f"{name}_{kind}.png"


def _scene_entry(scene: RecordedScene) -> dict[str, Any]:
    return {
        "split": scene.split,
        "index": scene.index,
        "camera_matrix": scene.view.camera_matrix.tolist(),
        "objects": [
            {
                "size": item.size,
                "colour": item.colour,
                "category": item.category,
                "trim_colour": item.trim_colour,
            }
            for item in scene.objects
        ],
        "commands": [
            {
                "text": item.text,
                "target": item.target,
                "ambiguous": item.ambiguous,
                **({"reply": True} if item.reply else {}),
            }
            for item in scene.commands
        ],
    }


def _read_scene(folder: Path, entry: dict[str, Any]) -> RecordedScene:
    name = scene_name(entry["split"], entry["index"])
    objects = tuple(_read_object(name, item) for item in entry["objects"])
    commands = tuple(
        SpokenCommand(
            item["text"], item["target"], item.get("ambiguous", False), item.get("reply", False)
        )
        for item in entry["commands"]
    )
    for command in commands:
        if command.target is not None and not 0 <= command.target < len(objects):
            raise ValueError(
                f"scene {name}: {command.text!r} means object {command.target} of {len(objects)}"
            )
    view = _read_view(folder, name, np.array(entry["camera_matrix"], np.float64))
    if view.instance.max() >= len(objects):
        raise ValueError(
            f"scene {name} shows object {view.instance.max()} and lists {len(objects)} objects"
        )
    return RecordedScene(entry["split"], entry["index"], view, objects, commands)


def _read_object(scene: str, entry: dict[str, Any]) -> RecordedObject:
    # Version 1 had no second colours, and called the category a shape.
    category = entry["category"] if "category" in entry else entry["shape"]
    item = RecordedObject(entry["size"], entry["colour"], category, entry.get("trim_colour"))
    if item.size not in SIZES or item.colour not in COLOURS or item.category not in CATEGORIES:
        raise ValueError(f"scene {scene} has an unknown kind of object {item.text!r}")
    if item.trim_colour not in (None, *COLOURS):
        raise ValueError(f"scene {scene} has an unknown second colour {item.trim_colour!r}")
    return item


def _read_view(folder: Path, name: str, camera_matrix: Array) -> RecordedView:
    rgb, depth, instance = (_read_png(folder / _image_name(name, kind)) for kind in IMAGE_KINDS)
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"scene {name}: the colour image is {rgb.shape} {rgb.dtype}")
    for kind, pixels in (("depth", depth), ("instance", instance)):
        if pixels.shape != rgb.shape[:2]:
            raise ValueError(
                f"scene {name}: the {kind} image is {pixels.shape}, not {rgb.shape[:2]}"
            )
    if camera_matrix.shape != (3, 3):
        raise ValueError(f"scene {name}: camera_matrix is {camera_matrix.shape}, not (3, 3)")
    view = RecordedView(
        rgb=rgb,
        depth_mm=depth.astype(np.uint16),  # Pillow before 10 reads 16 bit as 32
        instance=instance.astype(np.int8) - np.int8(1),
        camera_matrix=camera_matrix,
    )
    for array in (view.rgb, view.depth_mm, view.instance, view.camera_matrix):
        array.setflags(write=False)
    return view


def _read_png(path: Path) -> Array:
    try:
        with Image.open(path) as image:
            return np.array(image)
    except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken PNG
        raise RecordingError(
            f"cannot read the recorded image {path}: {error}. Make the recording again with "
            "'python -m ppcr_lab.sim.scene_recorder --write'."
        ) from error

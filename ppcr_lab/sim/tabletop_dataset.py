"""The tabletop world as a data set for referring segmentation: frame, command and true mask.

Sample ``i`` of a split is scene ``i`` of that split with one command, both drawn from the scene's
own generator, so that it is the same on every machine and whatever was drawn before it. The kinds
of command take turns, as `EVALUATION_MIX` lists them; a scene that gives no command of its kind
gets one of the next kind that it gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ppcr_lab.evaluation.referring_files import LabelledSample
from ppcr_lab.sim.commands import KINDS, CommandSampler
from ppcr_lab.sim.commands_said import ReferringCommand
from ppcr_lab.sim.drawn_worlds import WORLDS, DrawnScene, SceneRenderer, draw_scene, open_renderer
from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.sim.renderer import TabletopRenderer
from ppcr_lab.sim.scene import SPLITS
from ppcr_ros.core.types import Array, Frame, Status

FRAME_ID = "camera_color_optical_frame"

EVALUATION_MIX = (
    "relation", "attribute", "ordinal", "absent", "negation", "relation", "comparative",
    "ordinal", "attribute", "relation", "ambiguous", "absent", "negation", "ordinal",
)  # fmt: skip
"""The kinds of a split's commands, in turn: relations and ordinals, the hardest, most often."""

_PHRASING = {"train": "train", "val": "val", "test": "test", "demo": "test"}
"""How each split's commands are phrased; no two phrasings share a template."""


@dataclass(frozen=True)
class TabletopSample(LabelledSample):
    """One command about one rendered scene, with the truth.

    ``frame`` has depth and the camera's intrinsics, ``kind`` is one of ``sim.commands.KINDS``, and
    ``sample_id`` is such as ``tabletop/test/00012``.

    Attributes:
        scene_index: the scene's number in its split.
        instance: (H, W) int8, the object that each pixel shows, -1 for none.
        categories: of the scene's objects.
        target: which object is meant; None where there is no one target.
    """

    scene_index: int
    instance: Array
    categories: tuple[str, ...]
    target: int | None


def iter_tabletop(
    split: str,
    limit: int,
    *,
    width_px: int = 640,
    height_px: int = 480,
    start: int = 0,
    kinds: tuple[str, ...] = EVALUATION_MIX,
    world: str = "tabletop",
) -> Iterator[TabletopSample]:
    """Render ``limit`` samples of ``split``, from scene ``start`` on, each when it is asked for.

    A scene of which nothing can be said, such as one where no object is clearly seen, is passed
    over; the scene's number stays that of its split. All must be drawn in one thread. ``world`` is
    the one that the scenes are drawn of: ``tabletop`` or ``everyday``.

    Raises:
        ValueError: for an unknown world, split or kind, a limit below 1 or a start below 0.
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    if split not in SPLITS:
        raise ValueError(f"the split is {split!r}; expected one of {', '.join(SPLITS)}.")
    if limit < 1 or start < 0:
        raise ValueError(f"limit is {limit} and start {start}; expected at least 1 and 0.")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise ValueError(f"kinds is {kinds!r}; expected some of {', '.join(KINDS)}.")
    if world not in WORLDS:
        raise ValueError(f"the world is {world!r}; expected one of {', '.join(WORLDS)}.")
    return _samples(world, split, limit, (width_px, height_px), start, kinds)


def _samples(
    world: str,
    split: str,
    limit: int,
    size_px: tuple[int, int],
    start: int,
    kinds: tuple[str, ...],
) -> Iterator[TabletopSample]:
    phrasing = _PHRASING[split]
    opened = open_renderer(world, *size_px) if world != "tabletop" else TabletopRenderer(*size_px)
    with opened as renderer:
        index, found = start, 0
        while found < limit:
            drawn = draw_scene(world, split, index)
            turn = index % len(kinds)
            wanted = tuple(dict.fromkeys(kinds[turn:] + kinds[:turn]))
            sample_id = f"{world}/{split}/{index:05d}"
            sample = _sample(renderer, drawn, phrasing, sample_id, index, wanted)
            index += 1
            if sample is not None:
                found += 1
                yield sample


def _sample(
    renderer: SceneRenderer,
    drawn: DrawnScene,
    phrasing: str,
    sample_id: str,
    index: int,
    kinds: tuple[str, ...],
) -> TabletopSample | None:
    scene = drawn.scene
    picture = renderer.render(scene)
    sampler = CommandSampler(scene, picture.instance, drawn.rng, phrasing)
    commands = (sampler.sample(kind) for kind in kinds)
    command = next((command for command in commands if command is not None), None)
    if command is None:
        return None
    mask = None if command.target is None else picture.instance == command.target
    return TabletopSample(
        frame=Frame(
            rgb=picture.rgb,
            frame_id=FRAME_ID,
            depth_m=picture.depth_m,
            camera_matrix=picture.camera_matrix,
        ),
        command=command.text,
        kind=command.kind,
        expected_status=_expected(command),
        mask=mask,
        box_xyxy_px=None if mask is None else box_of_mask(mask),
        scene_index=index,
        sample_id=sample_id,
        instance=picture.instance,
        categories=tuple(item.category for item in scene.objects),
        target=command.target,
    )


def _expected(command: ReferringCommand) -> Status:
    if command.target is not None:
        return Status.OK
    return Status.AMBIGUOUS if command.ambiguous else Status.NOT_FOUND

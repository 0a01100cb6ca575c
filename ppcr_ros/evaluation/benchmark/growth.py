"""How the cost grows: with the image, with the objects in the scene, with the command."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Frame, Result
from ppcr_ros.evaluation.benchmark.timing import Quantiles, no_collection, timed

IMAGE_SIZES_PX = {
    "VGA": (640, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4K": (3840, 2160),
}
COMMAND_CHARS = (20, 50, 100, 200, 400)
_FILLER = "um so what I would like you to do now if you can is to find for me "
Run = Callable[[Frame, str], Result]


@dataclass(frozen=True)
class Point:
    """One place on a curve.

    Attributes:
        x: the quantity: megapixels, objects, characters.
        label: how it is written.
        total: from command to result.
        stages: medians in milliseconds by stage, of the runs that reached it.
    """

    x: float
    label: str
    total: Quantiles
    stages: dict[str, float]


@dataclass(frozen=True)
class Growth:
    """The curves.

    Attributes:
        image: over the image's size.
        objects: over the number of objects in the scene.
        command: over the command's length.
        left_out: curves that there are none of, with the reason.
    """

    image: list[Point] = field(default_factory=list)
    objects: list[Point] = field(default_factory=list)
    command: list[Point] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def point(x: float, label: str, runs: Iterable[Callable[[], Result]]) -> Point:
    """The place on a curve that ``runs`` make; they need not reach a mask."""
    seconds, results = [], []
    with no_collection():
        for run in runs:
            result, took = timed(run)
            seconds.append(took)
            results.append(result)
    total = Quantiles.of(seconds)
    if total is None:
        raise ValueError(f"no run for {label}")
    stages = {}
    for stage in ("semantic", "spatial", "encode", "segmentation"):
        reached = [taken for result in results if (taken := getattr(result.seconds, stage)) > 0]
        if reached:
            stages[stage] = 1e3 * float(np.median(reached))
    return Point(x, label, total, stages)


def over_image_size(run: Run, frame: Frame, command: str, n: int) -> list[Point]:
    """The same scene and command in larger and larger images."""
    points = []
    for label, size in IMAGE_SIZES_PX.items():
        picture = Image.fromarray(frame.rgb).resize(size, Image.Resampling.BICUBIC)
        larger = Frame(rgb=np.asarray(picture))
        run(larger, command)
        megapixels = size[0] * size[1] / 1e6
        points.append(point(megapixels, label, [lambda f=larger: run(f, command)] * n))  # type: ignore[misc]
    return points


def over_objects(run: Run, scenes: Iterable[tuple[int, Frame, str]]) -> list[Point]:
    """Scenes with few and with many objects: pairs of their number, the frame and a command."""
    groups: dict[int, list[Callable[[], Result]]] = {}
    for count, frame, command in scenes:
        groups.setdefault(count, []).append(lambda f=frame, c=command: run(f, c))  # type: ignore[misc]
    return [point(count, str(count), groups[count]) for count in sorted(groups)]


def over_command_length(
    run: Run, frame: Frame, command: str, n: int, *, limit_chars: int
) -> list[Point]:
    """The same command with more and more words around it, up to what the pipeline takes."""
    points = []
    for chars in (length for length in COMMAND_CHARS if length <= limit_chars):
        longer = lengthened(command, chars)
        points.append(
            point(len(longer), str(len(longer)), [lambda c=longer: run(frame, c)] * n)  # type: ignore[misc]
        )
    return points


def lengthened(command: str, chars: int) -> str:
    """``command`` behind so many words that it has ``chars`` characters, or as it is."""
    missing = chars - len(command)
    if missing <= 1:
        return command
    filler = (_FILLER * (missing // len(_FILLER) + 1))[: missing - 1].rstrip()
    return f"{filler} {command}"


def plot(growth: Growth, path: Path) -> None:
    """Draw the curves as a PNG.

    Raises:
        PPCRError: when matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
    except ImportError as error:
        raise PPCRError("drawing the growth needs matplotlib: pip install matplotlib") from error

    curves = [
        ("image size", "megapixels", growth.image),
        ("objects in the scene", "objects", growth.objects),
        ("command", "characters", growth.command),
    ]
    curves = [curve for curve in curves if curve[2]]
    figure = Figure((4.4 * len(curves), 3.8), layout="constrained")
    axes = figure.subplots(1, len(curves), squeeze=False)
    for axis, (title, unit, points) in zip(axes[0], curves, strict=True):
        x = [item.x for item in points]
        axis.plot(x, [item.total.p50_ms for item in points], "o-", color="black", label="total")
        for stage in ("semantic", "spatial", "encode", "segmentation"):
            held = [(item.x, item.stages[stage]) for item in points if stage in item.stages]
            if held:
                axis.plot(*zip(*held, strict=True), ".-", alpha=0.75, label=stage)
        if points is growth.image:
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(FixedLocator(x))
            axis.xaxis.set_major_formatter(FixedFormatter([item.label for item in points]))
            axis.xaxis.set_minor_locator(NullLocator())
        axis.set(title=title, xlabel=unit, ylim=(0, None))
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("milliseconds (median)")
    axes[0][-1].legend(loc="upper left", fontsize="small")
    figure.savefig(path, dpi=110)


def rows(growth: Growth) -> list[list[str]]:
    """A table's rows: curve, place, median, 95th percentile, and the stages' medians."""
    found = []
    named: list[tuple[str, list[Any]]] = [
        ("image", growth.image),
        ("objects", growth.objects),
        ("command characters", growth.command),
    ]
    for name, points in named:
        for item in points:
            stages = [
                f"{item.stages[stage]:.0f}" if stage in item.stages else "-"
                for stage in ("semantic", "spatial", "encode", "segmentation")
            ]
            times = [f"{item.total.p50_ms:.0f}", f"{item.total.p95_ms:.0f}"]
            found.append([name, item.label, str(item.total.n), *times, *stages])
    return found

"""How the cost grows: with the image, with the objects in the scene, with the command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from ppcr_lab.bench.growth_scenes import PlainScene
from ppcr_lab.bench.timing import no_collection, timed
from ppcr_ros.core.types import Array, Frame, Result

IMAGE_SIZES_PX = {
    "VGA": (640, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4K": (3840, 2160),
}
COMMAND_WORDS = (3, 6, 10, 20, 30, 40, 50, 60)
STAGES = ("semantic", "spatial", "encode", "segmentation")
_FILLER = "um uh er well okay so now right please hey"
"""Words that say nothing, so that the target stays the same however many there are."""

Run = Callable[[Frame, str], Result]
Step = Callable[[str], None]


@dataclass(frozen=True)
class Times:
    """Of many times the ones that are told, in milliseconds.

    Attributes:
        n: how many there were.
        p10_ms: the 10th percentile, linear between two of them, as the others.
        p50_ms: the median.
        p90_ms: the 90th percentile.
    """

    n: int
    p10_ms: float
    p50_ms: float
    p90_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """The quantiles of ``seconds``.

        Raises:
            ValueError: when there are none.
        """
        if not len(seconds):
            raise ValueError("no times have no quantiles; expected at least one.")
        quantiles = np.percentile(1e3 * np.asarray(seconds, np.float64), [10, 50, 90])
        return cls(len(seconds), *map(float, quantiles))


@dataclass(frozen=True)
class Point:
    """One place on a curve.

    Attributes:
        x: the quantity: megapixels, objects, words.
        label: how it is written.
        runs: how many there were.
        total: from the command to the mask, of those that led to one.
        stages: medians in milliseconds by stage, of the same.
    """

    x: float
    label: str
    runs: int
    total: Times
    stages: dict[str, float]


@dataclass(frozen=True)
class CameraPoint:
    """So many cameras that share one set of models.

    Attributes:
        cameras: how many.
        round: from one command for each of them, all at once, until the last answer is there.
        shared_mb: what the node's process takes; None where the machine does not tell.
        separate_mb: what as many nodes with a camera and models each take together; likewise.
    """

    cameras: int
    round: Times
    shared_mb: float | None
    separate_mb: float | None

    @property
    def answers_per_sec(self) -> float:
        """How many answers each camera gets in a second."""
        return 1e3 / self.round.p50_ms


@dataclass(frozen=True)
class Growth:
    """The curves.

    Attributes:
        image: over the image's size.
        objects: over the number of objects in the scene.
        command: over the command's length.
        cameras: over the number of cameras.
        left_out: curves and places on them that there are none of, with the reason.
    """

    image: list[Point] = field(default_factory=list)
    objects: list[Point] = field(default_factory=list)
    command: list[Point] = field(default_factory=list)
    cameras: list[CameraPoint] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """What is run for one point: every run once in each round."""

    x: float
    label: str
    runs: Sequence[Callable[[], Result]]


def curve(
    places: Sequence[Place], rounds: int, *, step: Callable[[], None] = lambda: None
) -> tuple[list[Point], dict[str, str]]:
    """The points of ``places``, and why some have none, by their label.

    The places take turns, in an order that rotates, so that what else the machine does meanwhile
    falls on all of them alike. The first run of each does not count.
    """
    seconds: dict[str, list[float]] = {place.label: [] for place in places}
    results: dict[str, list[Result]] = {place.label: [] for place in places}
    for place in places:
        place.runs[0]()
    for number in range(rounds):
        turn = number % len(places)
        with no_collection():
            for place in (*places[turn:], *places[:turn]):
                for run in place.runs:
                    result, took = timed(run)
                    if result.segmentation is not None:
                        seconds[place.label].append(took)
                        results[place.label].append(result)
        step()
    points, missing = [], {}
    for place in places:
        name, runs = place.label, rounds * len(place.runs)
        if not seconds[name]:
            missing[name] = f"none of {runs} runs led to a mask"
            continue
        stages = _stages(results[name])
        points.append(Point(place.x, name, runs, Times.of(seconds[name]), stages))
    return points, missing


def _stages(results: Sequence[Result]) -> dict[str, float]:
    """Each stage's median, milliseconds."""
    found = {}
    for stage in STAGES:
        reached = [taken for result in results if (taken := getattr(result.seconds, stage)) > 0]
        if reached:
            found[stage] = 1e3 * float(np.median(reached))
    return found


def image_places(run: Run, scenes: Sequence[PlainScene]) -> list[Place]:
    """The same scenes and commands in larger and larger images: the rendered ones, scaled."""
    places = []
    for label, size in IMAGE_SIZES_PX.items():
        runs = [
            _bound(run, Frame(rgb=_scaled(scene.frame, size)), scene.command) for scene in scenes
        ]
        places.append(Place(size[0] * size[1] / 1e6, label, runs))
    return places


def object_places(run: Run, scenes: Sequence[PlainScene]) -> list[Place]:
    """Scenes with few and with many objects."""
    groups: dict[int, list[Callable[[], Result]]] = {}
    for scene in scenes:
        groups.setdefault(scene.objects, []).append(_bound(run, scene.frame, scene.command))
    return [Place(count, str(count), groups[count]) for count in sorted(groups)]


def command_places(run: Run, scenes: Sequence[PlainScene], *, limit_chars: int) -> list[Place]:
    """The same commands with more and more words before them, as long as none is cut."""
    places = []
    for words in COMMAND_WORDS:
        commands = [lengthened(scene.command, words) for scene in scenes]
        if max(map(len, commands)) > limit_chars:
            break
        runs = [
            _bound(run, scene.frame, command)
            for scene, command in zip(scenes, commands, strict=True)
        ]
        places.append(Place(words, str(words), runs))
    return places


def lengthened(command: str, words: int) -> str:
    """``command`` behind so many words of filler that it has ``words``, or as it is."""
    missing = words - len(command.split())
    if missing <= 0:
        return command
    filler = _FILLER.split()
    filler *= missing // len(filler) + 1
    return " ".join([*filler[:missing], command])


def _bound(run: Run, frame: Frame, command: str) -> Callable[[], Result]:
    return lambda: run(frame, command)


def _scaled(frame: Frame, size_px: tuple[int, int]) -> Array:
    """(height, width, 3) uint8."""
    if size_px == (frame.width_px, frame.height_px):
        return frame.rgb
    picture = Image.fromarray(frame.rgb).resize(size_px, Image.Resampling.BICUBIC)
    return np.asarray(picture)

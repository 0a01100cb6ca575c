"""The curves of growth as JSON and as a section of a Markdown page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ppcr_lab.bench.growth import STAGES, CameraPoint, Growth, Point
from ppcr_lab.evaluation.pages import Marks
from ppcr_lab.evaluation.report import provenance_markdown, table
from ppcr_ros.weights.provenance import Provenance

MARKS = Marks.named("growth", "the growth curves")
"""Between them lies the section on a page."""


@dataclass(frozen=True)
class GrowthReport:
    """The curves, and what they were measured with.

    Attributes:
        growth: the curves.
        models: names of the MLLM and the segmenter.
        load: the machine's load average over a minute before the run, where it has one.
        provenance: command line, date, machine, versions, weights.
    """

    growth: Growth
    models: dict[str, str] = field(default_factory=dict)
    load: float | None = None
    provenance: Provenance | None = None

    def to_dict(self) -> dict[str, Any]:
        """The report as plain types; the curves under ``growth``."""
        return {
            "growth": asdict(self.growth),
            "models": self.models,
            "load_before": self.load,
            **({} if self.provenance is None else asdict(self.provenance)),
        }

    def to_markdown(self, picture: str = "") -> str:
        """The tables; ``picture`` is where the curves are drawn, as seen from the page."""
        growth = self.growth
        load = "" if self.load is None else f" Load average before the run: {self.load:.1f}."
        parts = [f"{self.models.get('mllm', '')} + {self.models.get('segmenter', '')}.{load}"]
        if picture:
            parts.append(f"![Cost against image, scene, command and cameras]({picture})")
        parts.append(_WHAT)
        for title, unit, points in (
            (_IMAGE, "image", growth.image),
            (_OBJECTS, "objects", growth.objects),
            (_COMMAND, "words", growth.command),
        ):
            if points:
                parts.append(f"{title}\n\n{_times(unit, points)}")
        if growth.cameras:
            parts.append(f"{_CAMERAS}\n\n{_cameras(growth.cameras)}")
        if growth.left_out:
            lines = [f"- {name}: {' '.join(why.split())}" for name, why in growth.left_out.items()]
            parts.append("\n".join(["Not measured:", *lines]))
        if self.provenance is not None:
            parts.append(provenance_markdown(self.provenance))
        return "\n\n".join(parts) + "\n"


_WHAT = (
    "Milliseconds from command to mask, of the runs that led to one, with the 10th and the 90th "
    "percentile; every place on a curve took its turn in each round. Rendered scenes of 640x480 "
    "and plain commands (the red ball). The stages are medians; the image encoder runs beside the "
    "first two on a GPU, and after them on a CPU."
)
_IMAGE = "Image size, the same scenes with five objects scaled up:"
_OBJECTS = "Objects in the scene, other scenes for each number, 640x480:"
_COMMAND = (
    "Length of the command, the same scenes with five objects and more and more words that say "
    "nothing (um, well, okay) before the three that name one:"
)
_CAMERAS = (
    "Cameras that share the models of one node, over ROS: each is asked once in a round, all at "
    "the same moment, and they are answered in turn. Memory of the process with the node and its "
    "client, against a process like it for each camera, all of them running; what several "
    "processes share counts once:"
)


def _times(unit: str, points: list[Point]) -> str:
    first = points[0].total.p50_ms
    rows = [
        [
            item.label,
            f"{item.total.n} of {item.runs}",
            *_quantiles(item),
            f"{item.total.p50_ms / first:.2f}",
            *(f"{item.stages[x]:.0f}" if x in item.stages else "-" for x in STAGES),
        ]
        for item in points
    ]
    return table([unit, "with a mask", "p10", "p50 ms", "p90", "times the first", *STAGES], rows)


def _quantiles(item: Point) -> list[str]:
    found = item.total
    return [f"{value:.0f}" for value in (found.p10_ms, found.p50_ms, found.p90_ms)]


def _cameras(points: list[CameraPoint]) -> str:
    first = points[0]
    rows = []
    for item in points:
        times = item.round
        rows.append(
            [
                str(item.cameras),
                str(times.n),
                *(f"{value:.0f}" for value in (times.p10_ms, times.p50_ms, times.p90_ms)),
                f"{times.p50_ms / first.round.p50_ms:.2f}",
                f"{item.answers_per_sec:.1f}",
                f"{item.cameras * item.answers_per_sec:.1f}",
                *_memory(item.shared_mb, first.shared_mb),
                *_memory(item.separate_mb, first.separate_mb),
            ]
        )
    header = ["cameras", "rounds", "p10", "all answered, p50 ms", "p90", "times the first",
              "answers a second, each", "together", "MB, one node", "times the first",
              "MB, a node each", "times the first"]  # fmt: skip
    return table(header, rows)


def _memory(value: float | None, first: float | None) -> list[str]:
    if value is None or not first:
        return ["-", "-"]
    return [f"{value:.0f}", f"{value / first:.2f}"]

"""The curves of growth as a picture with four panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ppcr_lab.bench.growth import CameraPoint, Growth, Point
from ppcr_lab.plots import panels, save

_PANEL_INCHES = (5.2, 3.5)
_TOTAL, _SHARED, _SEPARATE = "#20639b", "#6c757d", "#c44536"
_ROOM = 1.5
"""The height of the cameras' panel over its highest value, for the legend above the curves."""
_STAGES = {
    "semantic": ("1 semantic", "#e07b39"),
    "spatial": ("2 spatial", "#3c8d5a"),
    "encode": ("image encoder", "#8a8f98"),
    "segmentation": ("3 segmentation", "#8e5ea2"),
}


def plot(growth: Growth, path: Path) -> None:
    """Draw what there is of the curves as a PNG.

    Raises:
        PPCRError: when matplotlib is missing, or the picture cannot be written.
    """
    curves = {
        "image size": ("megapixels, logarithmic", growth.image),
        "objects in the scene": ("objects", growth.objects),
        "length of the command": ("words", growth.command),
    }
    titles = [name for name, (_, points) in curves.items() if points]
    titles += ["cameras that share the models"] * bool(growth.cameras)
    if not titles:
        return
    figure, drawn = panels(titles, columns=2, inches=_PANEL_INCHES, title_size=11)
    for title, axes in zip(titles, drawn, strict=True):
        if title in curves:
            _draw_times(axes, *curves[title])
        else:
            _draw_cameras(axes, growth.cameras)
    if growth.image:
        _name_sizes(drawn[0], growth.image)
    handles, labels = drawn[0].get_legend_handles_labels()
    if titles[0] in curves:
        figure.legend(
            handles, labels, loc="outside lower center", ncols=5, fontsize=9, frameon=False
        )
    save(figure, path)


def _draw_times(axes: Any, unit: str, points: list[Point]) -> None:
    x = [item.x for item in points]
    low, high = [p.total.p10_ms for p in points], [p.total.p90_ms for p in points]
    axes.fill_between(x, low, high, color=_TOTAL, alpha=0.18, linewidth=0)
    middle = [item.total.p50_ms for item in points]
    axes.plot(x, middle, "o-", color=_TOTAL, linewidth=2, label="command to mask, p10 to p90")
    for stage, (label, colour) in _STAGES.items():
        held = [(item.x, item.stages[stage]) for item in points if stage in item.stages]
        if held:
            axes.plot(*zip(*held, strict=True), ".-", color=colour, linewidth=1.1, label=label)
    for item in (points[0], points[-1]):
        axes.annotate(
            f"{item.total.p50_ms:.0f} ms",
            (item.x, item.total.p90_ms),
            xytext=(0, 5),
            textcoords="offset points",
            ha="left" if item is points[0] else "right",
            fontsize=9,
            color=_TOTAL,
        )
    axes.set(xlabel=unit, ylabel="milliseconds", ylim=(0, 1.18 * max(high)))


def _name_sizes(axes: Any, points: list[Point]) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([item.x for item in points]))
    axes.xaxis.set_major_formatter(
        FixedFormatter([f"{item.label}\n{item.x:.1f}" for item in points])
    )
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_cameras(axes: Any, points: list[CameraPoint]) -> None:
    """Answers a second on the left, memory on the right."""
    x = [item.cameras for item in points]
    low, high = [1e3 / p.round.p90_ms for p in points], [1e3 / p.round.p10_ms for p in points]
    axes.fill_between(x, low, high, color=_TOTAL, alpha=0.18, linewidth=0)
    rates = [item.answers_per_sec for item in points]
    axes.plot(x, rates, "o-", color=_TOTAL, linewidth=2, label="answers a second, each camera")
    axes.set(xlabel="cameras", xticks=x, ylim=(0, _ROOM * max(high)))
    axes.set_ylabel("answers a second", color=_TOTAL)
    lines = [axes.get_lines()[0]]
    memory, most_mb = axes.twinx(), 0.0
    for name, colour, label in (
        ("shared_mb", _SHARED, "memory of the one node"),
        ("separate_mb", _SEPARATE, "memory of a node for each camera"),
    ):
        held = [(p.cameras, value) for p in points if (value := getattr(p, name)) is not None]
        if held:
            lines += memory.plot(*zip(*held, strict=True), "s--", color=colour, label=label)
            most_mb = max(most_mb, *(value for _, value in held))
    memory.tick_params(labelsize=9)
    if most_mb:
        memory.set(ylabel="MB", ylim=(0, _ROOM * most_mb))
    else:
        memory.set_yticks([])
    axes.legend(handles=lines, fontsize=9, loc="upper center", frameon=False)

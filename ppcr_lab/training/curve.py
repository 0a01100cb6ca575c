"""``ppcr train curve``: a picture of a training run's log.

A run writes one line of JSON every few steps and one at every checkpoint, whose figures begin with
``val_``, or ``everyday_val_`` for that world; each is a panel here, training and held-out scenes
together.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ppcr_lab.plots import panels, save
from ppcr_ros.core.errors import PPCRError

_NOT_DRAWN = ("step", "minutes", "progress")
_LINES = (
    ("", "-", "training"),
    ("val_", "o", "held out"),
    ("everyday_val_", "s", "held out, everyday world"),
)
"""How the name of a figure begins, how it is drawn, and what that is called."""
_COLUMNS = 4
_PANEL_INCHES = (3.4, 2.3)

Series = dict[str, list[tuple[int, float]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", type=Path, help="log.jsonl of a run, or the run's folder")
    parser.add_argument("--into", type=Path, default=Path("curve.png"), help="the PNG to write")
    parser.add_argument("--only", nargs="+", help="the figures to draw; all by default")


def run(args: argparse.Namespace) -> int:
    series = read_log(args.log / "log.jsonl" if args.log.is_dir() else args.log)
    draw(series, args.into, only=args.only)
    print(f"wrote {args.into}")
    return 0


def read_log(path: Path) -> Series:
    """Each figure's (step, value) in the order of the steps.

    Where a resumed run wrote steps again, the later line counts. A line that was cut off, as by a
    crash, is passed over.

    Raises:
        PPCRError: when there is no such file, or no figure in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PPCRError(f"cannot read {path}: {error.strerror or error}.") from error
    found: dict[str, dict[int, float]] = {}
    for line in lines:
        for name, value in _fields(line).items():
            if name not in _NOT_DRAWN and isinstance(value, (int, float)):
                found.setdefault(name, {})[int(_fields(line)["step"])] = float(value)
    if not found:
        raise PPCRError(f"{path} holds no figures; expected the log.jsonl of a training run.")
    return {name: sorted(values.items()) for name, values in found.items()}


def _fields(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) and "step" in fields else {}


def _figure(name: str) -> str:
    """What a figure is of, whatever scenes it was taken on."""
    return name.removeprefix("everyday_").removeprefix("val_")


def draw(series: Series, into: Path, *, only: list[str] | None = None) -> None:
    """Write a PNG with one panel for each figure, held-out scenes as dots.

    Raises:
        PPCRError: when matplotlib is missing, ``only`` names a figure that the log lacks, or the
            picture cannot be written.
    """
    names = list(dict.fromkeys(_figure(name) for name in series))
    unknown = sorted(set(only or ()) - set(names))
    if unknown:
        raise PPCRError(f"the log has no {unknown[0]!r}; it has {', '.join(names)}.")
    names = [name for name in names if only is None or name in only]
    figure, drawn = panels(names, columns=_COLUMNS, inches=_PANEL_INCHES)
    for name, axes in zip(names, drawn, strict=True):
        for before, style, label in _LINES:
            steps, values = zip(*series.get(before + name, [(None, None)]), strict=True)
            if steps[0] is not None:
                axes.plot(steps, values, style, markersize=3, linewidth=0.9, label=label)
    drawn[0].legend(fontsize=7)
    save(figure, into)

"""Writes what an ablation measured into the pages that tell it.

``python -m tools.model_card build/ablation.json`` fills the places that are marked in the model
card, in README.md and in docs/benchmarks.md, and leaves the rest as it is. The file is that of
``ppcr eval --ablate --limit 1000 --json build/ablation.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ppcr_lab.evaluation.pages import Marks, put_into

ROOT = Path(__file__).resolve().parent.parent
MARKS = Marks.named("measured", "what was measured")
COMMAND = "ppcr eval --ablate --ways direct,progressive --limit 1000 --json build/ablation.json"

EXAMPLES = {
    "attribute": "the small green mug",
    "ordinal": "the second ball from the left",
    "relation": "the ball left of the red cube",
    "negation": "the mug that is not red",
    "comparative": "the bigger bottle",
}
AIMS = (
    ("miou", "mask mIoU", 0.80, True),
    ("p_at_50", "P@0.5", 0.90, True),
    ("no_target_accuracy", "NOT_FOUND accuracy", 0.95, True),
    ("ece", "ECE", 0.05, False),
    ("seconds_p50", "seconds a command", 1.0, False),
)
RELATION_AIM_POINTS = 3.0

Report = dict[str, Any]


def card(report: Report) -> str:
    """The model card's section: the table by kind, what was aimed at, what it gets wrong."""
    ways, all_ = report["ways"], _figures(report, "all")
    rows = [
        "| kind | n | mask mIoU | P@0.5 | P@0.7 | P@0.9 | box P@0.5 | right without a mask |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        _row(f"**all** | {all_['n']}", all_, "-"),
    ]
    for kind, example in EXAMPLES.items():
        figures = _figures(report, kind)
        rows.append(_row(f'{kind} ("{example}") | {figures["n"]}', figures, "-"))
    for kind, what, name in (
        ("absent", "nothing fits", "no_target_accuracy"),
        ("ambiguous", "several fit", "ambiguous_accuracy"),
    ):
        figures = _figures(report, kind)
        rows.append(
            f"| {kind} ({what}) | {figures['n']} | - | - | - | - | - | {figures[name]:.3f} |"
        )
    weakest = min(EXAMPLES, key=lambda kind: _figures(report, kind)["miou"])
    return "\n".join(
        [
            f"{report['n']} commands of the test split, 640x480, {_machine(report)}, by",
            "",
            "```console",
            f"$ {COMMAND}",
            "```",
            "",
            "of which this is the way *both*, the default:",
            "",
            *rows,
            "",
            f"mIoU and the precisions are over the {all_['n_present']} commands whose one target "
            "is there; an answer without a mask counts as",
            f"IoU 0. oIoU {all_['oiou']:.3f}, calibration error of the score (ECE, 15 bins) "
            f"{all_['ece']:.3f}. A command took {all_['seconds_p50']:.3f} s (median).",
            "",
            *_aims(all_, _relation_points(ways)),
            "",
            f"- The kind with the lowest mIoU: {weakest}.",
            f"- Of the commands that fit nothing {_percent(all_['no_target_accuracy'])} get "
            "another answer; of those that fit several "
            f"{_percent(all_['ambiguous_accuracy'])} are answered as if one did, or none.",
        ]
    )


def readme(report: Report) -> str:
    """README's small table."""
    kinds = ("all", *EXAMPLES)
    all_ = _figures(report, "all")

    def line(name: str, field: str) -> str:
        cells = (f"{_figures(report, kind)[field]:.3f}" for kind in kinds)
        return f"| {name} | {' | '.join(cells)} |"

    return "\n".join(
        [
            f"On {report['n']} held-out scenes and sentences of that world "
            f"(`ppcr eval --ablate --limit 1000`, {_machine(report)}):",
            "",
            f"| | {' | '.join(kinds)} |",
            "|---|" + "---:|" * len(kinds),
            line("mask mIoU", "miou"),
            line("P@0.5", "p_at_50"),
            "",
            f"`NOT_FOUND` where nothing fits: {all_['no_target_accuracy']:.3f}; `AMBIGUOUS` where "
            f"several do: {all_['ambiguous_accuracy']:.3f}; calibration error of the score: "
            f"{all_['ece']:.3f};",
            f"{all_['seconds_p50']:.3f} s a command (median).",
        ]
    )


def reading(report: Report) -> str:
    """What the ablation says, for docs/benchmarks.md."""
    ways = report["ways"]
    against = ways["progressive"]["against_baseline"]
    all_ = against["all"]
    clear = all_["low"] > 0
    by_kind = ", ".join(f"{kind} {_points(against[kind])}" for kind in EXAMPLES)
    miou = {name: way["by_kind"]["all"]["miou"] for name, way in ways.items()}
    ece = {name: way["by_kind"]["all"]["ece"] for name, way in ways.items()}
    verdict = "Progressive reasoning wins" if clear else "No clear winner"
    lines = [
        f"- **{verdict}**: writing *what* before *where* is worth {_points(all_)} points of "
        "mIoU against asking for the box at",
        f"  once, 95 % interval {100 * all_['low']:+.1f} to {100 * all_['high']:+.1f}; by "
        f"kind: {by_kind}.",
    ]
    score = f"- **The score**: calibrated in the way both alone, ECE {ece['progressive']:.3f}"
    if "spatial_only" not in ways:
        return "\n".join([*lines, f"{score}."])
    joint = (
        f"- **Joint guidance of the mask**: mIoU of both {miou['progressive']:.3f}, of the box "
        f"alone {miou['spatial_only']:.3f}."
    )
    return "\n".join([*lines, joint, f"{score}; of the box alone {ece['spatial_only']:.3f}."])


PLACES: dict[str, Callable[[Report], str]] = {
    "ppcr_ros/weights/embedded/README.md": card,
    "README.md": readme,
    "docs/benchmarks.md": reading,
}


def _figures(report: Report, kind: str) -> dict[str, Any]:
    figures: dict[str, Any] = report["ways"]["progressive"]["by_kind"][kind]
    return figures


def _row(start: str, figures: dict[str, Any], last: str) -> str:
    names = ("miou", "p_at_50", "p_at_70", "p_at_90", "box_p_at_50")
    return f"| {start} | {' | '.join(f'{figures[name]:.3f}' for name in names)} | {last} |"


def _aims(figures: dict[str, Any], relation_points: float) -> list[str]:
    """Two lines: the aims that were missed, and those that were reached."""
    missed: list[str] = []
    reached: list[str] = []
    for field, name, aim, at_least in AIMS:
        value = figures[field]
        bound = "at least" if at_least else "at most"
        good = value >= aim if at_least else value <= aim
        (reached if good else missed).append(f"{name} {value:.3f} ({bound} {aim:g})")
    line = (
        f"{relation_points:+.1f} points of mIoU against direct grounding on relations "
        f"(at least {RELATION_AIM_POINTS:g})"
    )
    (reached if relation_points >= RELATION_AIM_POINTS else missed).append(line)
    return [
        f"- Aims that it missed: {'; '.join(missed) or 'none'}.",
        f"- Aims that it reached: {'; '.join(reached) or 'none'}.",
    ]


def _relation_points(ways: dict[str, Any]) -> float:
    return 100.0 * float(ways["progressive"]["against_baseline"]["relation"]["miou"])


def _points(difference: dict[str, float]) -> str:
    return f"{100 * difference['miou']:+.1f}"


def _percent(right: float) -> str:
    return f"{100 * (1 - right):.0f} %"


def _machine(report: Report) -> str:
    machine = report["machine"]
    cores = f"{machine['cores']} cores, {machine['torch_threads']} of them for PyTorch"
    return f"{report['date'][:10]}, {machine['processor']}, {cores}"


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} ABLATION_JSON")
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for name, text in PLACES.items():
        put_into(ROOT / name, text(report) + "\n", MARKS)


if __name__ == "__main__":
    main()

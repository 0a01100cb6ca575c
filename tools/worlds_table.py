"""Writes what was measured in the worlds that were not trained in into the pages that tell it.

``python -m tools.worlds_table build/worlds/*.json`` fills the places that are marked in the model
card, in README.md and in docs/evaluation.md. Each file is that of
``ppcr eval --data worlds:NAME --json build/worlds/NAME.json``, of ``ppcr eval --json ...`` for the
tabletop itself, or of ``ppcr eval --data worlds:drawn --ablate --kinds relation --ways
direct,progressive --json ...``. All must be of the same weights.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ppcr_lab.evaluation.pages import Marks, put_into

ROOT = Path(__file__).resolve().parent.parent
WORLDS = Marks.named("worlds", "the table of the worlds")
EFFECTS = Marks.named("effects", "the table of the effects")
PAGES = ("ppcr_ros/weights/embedded/README.md", "README.md")
EFFECTS_PAGE = "docs/evaluation.md"

ROWS = {
    "tabletop:test": "the tabletop, held-out scenes",
    "worlds:lamps": "lamps: MuJoCo's own light, mirroring and patterned tables",
    "worlds:raytraced": "raytraced: path-traced rooms, own forms and materials",
    "worlds:bullet": "bullet: PyBullet's software renderer",
    "worlds:effects": "effects: 22 photographic effects on the tabletop",
    "worlds:photos": "photographs of real tables (boxes)",
    "clevr-ref:val": "CLEVR-Ref+, val",
}
UNCHANGED = "unchanged"

Report = dict[str, Any]


class TableError(Exception):
    """Reports that do not go into one table."""


def worlds_section(reports: dict[str, Report], relations: Report | None) -> str:
    """The table of all worlds, and what was measured with what.

    Args:
        reports: of ``ppcr eval``, by the name of the data.
        relations: of ``ppcr eval --ablate`` on the drawn worlds; or None.
    """
    lines = [
        "| world | commands | P@0.5 | mIoU | `NOT_FOUND` where it is there | `NOT_FOUND` where "
        "nothing fits | `AMBIGUOUS` where several do |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for data, name in ROWS.items():
        report = reports.get(data)
        if report is None:
            continue
        lines.append(_row(name, report, _not_found_share(report)))
        if data == "worlds:effects":
            worst = _worst_effect(report)
            lines.append(_row(f"- the worst of them: {worst}", report["by_kind"][worst], None))
    first = next(iter(reports.values()))
    machine = first["machine"]
    lines += [
        "",
        "P@0.5 and mIoU are over the commands whose target is there; an answer without a mask "
        "counts as IoU 0. Of photographs the boxes are compared.",
        f"`ppcr eval --data NAME`, with `--limit` where not all of a world's commands were run, "
        f"{first['date'][:10]}, {machine['processor']}.",
    ]
    if relations is not None:
        gap = relations["ways"]["progressive"]["against_baseline"]["relation"]
        count = relations["ways"]["progressive"]["by_kind"]["relation"]["n_present"]
        lines += [
            "",
            f"Relations in the three drawn worlds together ({count}): *what* before *where* is "
            f"worth {100 * gap['miou']:+.1f} points of mIoU against direct grounding, 95 % "
            f"interval {100 * gap['low']:+.1f} to {100 * gap['high']:+.1f}.",
        ]
    return "\n".join(lines)


def effects_section(report: Report) -> str:
    """Each effect's figures, the hardest first."""
    kinds = report["by_kind"]
    hardest_first = sorted(kinds, key=lambda name: (kinds[name]["p_at_50"], name))
    lines = [
        f"{report['n']} commands, {report['date'][:10]}:",
        "",
        "| effect | commands | P@0.5 | mIoU | `NOT_FOUND` where nothing fits |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in hardest_first:
        item = kinds[name]
        cells = (_share(item[key]) for key in ("p_at_50", "miou", "no_target_accuracy"))
        lines.append(f"| {name} | {item['n']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sorted_out(reports: list[Report]) -> tuple[dict[str, Report], Report | None]:
    """The reports by their data, and the ablation among them.

    Raises:
        TableError: where one is of something else, two are of the same, or weights differ.
    """
    by_data: dict[str, Report] = {}
    relations = None
    for report in reports:
        if report["weights_sha256"] != reports[0]["weights_sha256"]:
            raise TableError(
                f"the reports of {reports[0]['data']} and {report['data']} are of different "
                "weights; measure them again with the same."
            )
        if "ways" in report and report["data"] == "worlds:drawn":
            relations = report
        elif report["data"] not in ROWS or report["data"] in by_data:
            raise TableError(
                f"a report is of {report['data']}; expected one each of {', '.join(ROWS)}."
            )
        else:
            by_data[report["data"]] = report
    if not by_data:
        raise TableError("no report of a world was given.")
    return by_data, relations


def _row(name: str, figures: Report, not_found: float | None) -> str:
    cells = (
        _share(figures["p_at_50"]),
        _share(figures["miou"]),
        _share(not_found),
        _share(figures["no_target_accuracy"]),
        _share(figures["ambiguous_accuracy"]),
    )
    return f"| {name} | {figures['n']} | {' | '.join(cells)} |"


def _not_found_share(report: Report) -> float | None:
    """The share of the commands whose target is there that were answered NOT_FOUND."""
    ended = report["confusion"].get("OK", {})
    total = sum(ended.values())
    return ended.get("NOT_FOUND", 0) / total if total else None


def _worst_effect(report: Report) -> str:
    kinds: dict[str, Report] = report["by_kind"]
    names = [name for name in kinds if name != UNCHANGED]
    return min(names, key=lambda name: (kinds[name]["p_at_50"], name))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(f"usage: {sys.argv[0]} REPORT_JSON ...")
    paths = [Path(name) for name in sys.argv[1:]]
    try:
        reports, relations = sorted_out([json.loads(path.read_text("utf-8")) for path in paths])
    except TableError as error:
        raise SystemExit(f"worlds_table: {error}") from error
    for page in PAGES:
        put_into(ROOT / page, worlds_section(reports, relations) + "\n", WORLDS)
    if "worlds:effects" in reports:
        section = effects_section(reports["worlds:effects"])
        put_into(ROOT / EFFECTS_PAGE, section + "\n", EFFECTS)


if __name__ == "__main__":
    main()

"""Replays as lines for a terminal, as JSON, and as a sheet of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ppcr_ros.core.outside_text import printable
from ppcr_ros.core.types import Array, Result
from ppcr_ros.drawing import Tile, contact_sheet, draw_overlay, draw_result
from ppcr_ros.replay.compare import mask_iou
from ppcr_ros.replay.player import Replay, ReplayTally, Verdict

_TILE_WIDTH_PX = 720
_COLUMNS = 2
GALLERY_LIMIT = 60
"""How many decisions a sheet shows."""


class ReplayLines:
    """Prints replays as they come; what differs of the set-up once, before the first line of it."""

    def __init__(self) -> None:
        self._setups: set[tuple[str, ...]] = set()

    def lines(self, item: Replay) -> list[str]:
        """The lines of one replay; what a bag holds cannot make others of them."""
        return [printable(line) for line in self._lines(item)]

    def _lines(self, item: Replay) -> list[str]:
        lines: list[str] = []
        if item.setup and item.setup not in self._setups:
            self._setups.add(item.setup)
            lines = ["the set-up differs from the recorded one:"]
            lines += [f"  {line}" for line in item.setup]
        recording = item.recording
        if recording is None:
            return [*lines, f"{item.verdict.value:12}  {item.reason}"]
        statuses = recording.result.status.name
        if item.replayed is not None and item.replayed.status is not recording.result.status:
            statuses += f" -> {item.replayed.status.name}"
        lines.append(
            f"{item.verdict.value:12}  {item.bag.name}  {statuses}  {recording.command!r:.80}"
        )
        if item.reason:
            lines.append(f"{'':14}{item.reason}")
        lines += [f"{'':14}{difference}" for difference in item.differences[:1]]
        if others := [difference.what for difference in item.differences[1:]]:
            lines.append(f"{'':14}and then {', '.join(others)}")
        return lines


def replay_to_dict(item: Replay) -> dict[str, Any]:
    """One replay as plain types."""
    recording = item.recording
    iou = None
    if recording is not None and item.replayed is not None:
        iou = mask_iou(recording.result, item.replayed)
    return {
        "bag": str(item.bag),
        "verdict": item.verdict.name,
        "reason": item.reason,
        "command": None if recording is None else recording.command,
        "command_id": None if recording is None else recording.result.command_id,
        "recorded_status": None if recording is None else recording.result.status.name,
        "replayed_status": None if item.replayed is None else item.replayed.status.name,
        "mask_iou": iou,
        "differences": [
            {"what": each.what, "recorded": each.recorded, "replayed": each.replayed}
            for each in item.differences
        ],
        "setup_differences": list(item.setup),
    }


def report_to_dict(items: Sequence[Replay]) -> dict[str, Any]:
    """All replays as plain types."""
    tally = ReplayTally()
    for item in items:
        tally.add(item)
    return {
        "counts": {verdict.name: count for verdict, count in tally.counts.items()},
        "exit_code": tally.exit_code,
        "replays": [replay_to_dict(item) for item in items],
    }


def gallery(items: Sequence[Replay]) -> Array | None:
    """What was recorded beside what comes of it now, those that differ first.

    Returns:
        (H, W, 3) uint8, red, green, blue; None where no command had an image.
    """
    drawn = [item for item in items if item.frame is not None]
    drawn.sort(key=lambda item: item.verdict is not Verdict.DIFFERS)
    if not drawn:
        return None
    title = "recorded (left) and replayed (right)"
    return contact_sheet(
        [_tile(item) for item in drawn], _COLUMNS, tile_width_px=_TILE_WIDTH_PX, title=title
    )


def _tile(item: Replay) -> Tile:
    assert item.frame is not None
    assert item.recording is not None
    rgb, recorded = item.frame.rgb, item.recording.result
    gap = np.full((rgb.shape[0], max(2, rgb.shape[1] // 80), 3), 255, np.uint8)
    lines = [f'"{recorded.command}"', *_stage_lines(recorded)]
    lines += [str(difference) for difference in item.differences]
    now = draw_overlay(rgb) if item.replayed is None else draw_result(rgb, item.replayed)
    return Tile(
        rgb=np.concatenate([draw_result(rgb, recorded), gap, now], axis=1),
        lines=tuple(lines),
        header=f"{item.verdict.value}   {recorded.status.name}   {item.bag.name}",
        status=recorded.status,
    )


def _stage_lines(result: Result) -> list[str]:
    lines = []
    if result.semantic is not None:
        lines.append(f"semantic: {result.semantic.text}")
    if result.spatial is not None:
        box = ", ".join(f"{value:.1f}" for value in result.spatial.box_xyxy_px)
        lines.append(f"spatial: {result.spatial.text}   box ({box}) px")
    return lines

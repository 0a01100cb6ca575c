"""Measures faults of cameras: masks that are lost, wrong grasps, and advice that does not cure.

``python -m ppcr_lab.evaluation.camera_faults`` prints the tables of docs/grasping.md. Masks
are the true ones; everything between the messages and the grasp target is the node's own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from ppcr_lab.evaluation.camera_oddities import ODDITIES
from ppcr_lab.evaluation.camera_scenes import LENSES, View, header, views
from ppcr_lab.evaluation.camera_situations import SITUATIONS, Sent, Situation, through
from ppcr_ros.camera.frame_converter import Arrival, FrameConverter
from ppcr_ros.camera.pairing import DepthPairing, PairingFacts
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.grasp.grasping import with_grasp
from ppcr_ros.core.grasp_config import GraspConfig
from ppcr_ros.core.types import Result, Segmentation, Status
from ppcr_ros.health.message_findings import sync_findings

WRONG_M = 0.01
"""A graspable object whose centroid is farther off than this is one on wrong geometry."""


@dataclass(frozen=True)
class Outcome:
    """Grasp that came of one picture.

    Attributes:
        grasp: the grasp target; None where the mask was lost.
        error_m: how far its centroid is off; NaN where there is none.
        explanation: why it is not graspable, and what the pairing's finding says.
        wrong: whether it is graspable and should not be.
    """

    grasp: GraspTarget | None
    error_m: float
    explanation: str
    wrong: bool

    @property
    def graspable(self) -> bool:
        return self.grasp is not None and self.grasp.graspable


def try_out(sent: Sent) -> Outcome:
    """What the node makes of ``sent``."""
    depth, explanation, apart_sec = sent.depth, "", 0.0
    if sent.stream:
        frames, facts = paired(sent)
        if not frames:
            return Outcome(None, float("nan"), "no image was handed on", wrong=False)
        newest = frames[-1]
        apart_sec = max((abs(d - i) for i, d in frames if d is not None), default=0.0)
        depth = sent.depth if newest[1] is not None else None
        explanation = " ".join(item.text for item in sync_findings(facts))
    converter = FrameConverter(
        lambda: f"no depth came for the image. {explanation}",
        lambda: "name its topic.",
        sent.options,
    )
    arrival = Arrival(0.0, sent.lag_sec)
    try:
        frame = converter.convert(sent.image, depth, sent.info, arrival, sent.topic)
    except InvalidFrameError as error:
        return Outcome(None, float("nan"), str(error), wrong=False)
    frame = replace(frame, received_sec=time.monotonic())
    mask = Segmentation.from_mask(sent.view.mask, 1.0)
    result = Result(Status.OK, "the object", segmentation=mask)
    grasp = with_grasp(result, frame, GraspConfig()).grasp
    if grasp is None:
        return Outcome(None, float("nan"), "no grasp was worked out", wrong=False)
    found = grasp.centroid_m
    error_m = float("nan")
    if found is not None:
        error_m = float(np.linalg.norm(found - sent.view.centroid_m))
    wrong = grasp.graspable and (error_m > WRONG_M or not sent.true_frame or apart_sec > 0.001)
    return Outcome(grasp, error_m, f"{grasp.reason} {explanation}".strip(), wrong)


def paired(sent: Sent) -> tuple[list[tuple[float, float | None]], PairingFacts]:
    """The stamps of what the pairing hands on, of each image and its depth or None."""
    now = [0.0]
    frames: list[tuple[float, float | None]] = []

    def stamp(message: Any) -> float:
        return float(message.header.stamp.sec + message.header.stamp.nanosec / 1e9)

    def take(image: Any, depth: Any) -> None:
        frames.append((stamp(image), None if depth is None else stamp(depth)))

    pairing = DepthPairing(
        take,
        queue_size=sent.queue_size,
        slop_sec=0.05,
        wait_sec=sent.options.depth_wait_sec,
        clock=lambda: now[0],
    )
    for came_sec, kind, stamp_sec in sent.stream:
        now[0] = came_sec
        pairing.look()
        message = type("Message", (), {"header": header("", round(stamp_sec * 1e9) + 10**9)})()
        pairing.add_image(message) if kind == "image" else pairing.add_depth(message)
        if stamp_sec > 2.9 and kind == "image":
            break
    return frames, pairing.facts()


def cured(situation: Situation, sent: Sent) -> Sent:
    """What is so once somebody has done what the node says."""
    if situation.cure is not None:
        return situation.cure(sent)
    _, facts = paired(sent)  # the numbers of the finding, to the letter
    options = replace(sent.options, depth_wait_sec=facts.wait_needed_sec)
    return replace(sent, options=options, queue_size=facts.queue_needed)


@dataclass(frozen=True)
class Row:
    """One situation over all pictures."""

    situation: Situation
    answers: tuple[Outcome, ...]
    after: tuple[Outcome, ...]

    @property
    def lost(self) -> int:
        return sum(item.grasp is None for item in (*self.answers, *self.after))

    @property
    def wrong(self) -> int:
        return sum(item.wrong for item in (*self.answers, *self.after))

    @property
    def bad_advice(self) -> int:
        """How often the node did not say what it should, or following it did not help."""
        if not self.situation.fault:
            return sum(not item.graspable for item in self.answers)
        unsaid = sum(self.situation.says not in item.explanation for item in self.answers)
        return unsaid + sum(not item.graspable for item in self.after)


def measure(
    pictures: Sequence[View], situations: Sequence[Situation] = (*SITUATIONS, *ODDITIES)
) -> list[Row]:
    """Each situation with each picture, before and after the advice."""
    rows = []
    for situation in situations:
        sent = [situation.make(view) for view in pictures]
        after = [try_out(cured(situation, item)) for item in sent] if situation.fault else []
        rows.append(Row(situation, tuple(try_out(item) for item in sent), tuple(after)))
    return rows


def lens_errors(pictures: Sequence[View], *, raw: bool) -> dict[str, list[float]]:
    """Of each of `LENSES` the centroid's errors, metres, in its rectified or raw image."""
    topic = "/camera/image_raw" if raw else "/camera/image_rect"
    errors = {}
    for name in LENSES:
        sent = [through(name, raw=raw, topic=topic)(view) for view in pictures]
        found = [try_out(item) for item in sent if item.view.is_whole]
        errors[name] = [item.error_m for item in found if np.isfinite(item.error_m)]
    return errors


def to_markdown(rows: Sequence[Row]) -> str:
    """The table of situations, and its sums."""
    lines = [
        "| driver | what is the matter | graspable | after the advice | error | mask lost | wrong "
        "geometry | wrong advice |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        last = row.after or row.answers
        errors = [1000 * item.error_m for item in last if np.isfinite(item.error_m)]
        cells = [
            row.situation.driver,
            row.situation.fault or f"nothing: {row.situation.shape}",
            f"{sum(item.graspable for item in row.answers)} of {len(row.answers)}",
            f"{sum(item.graspable for item in row.after)} of {len(row.after)}" if row.after else "",
            f"{median(errors):.1f} mm" if errors else "",
            *(str(count) for count in (row.lost, row.wrong, row.bad_advice)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    counts = [(row.lost, row.wrong, row.bad_advice) for row in rows]
    total = [sum(column) for column in zip(*counts, strict=True)]
    lines += [
        "",
        f"{len(rows)} situations: masks lost {total[0]}, graspable on wrong geometry {total[1]}, "
        f"wrong advice {total[2]}.",
    ]
    return "\n".join(lines)


def lenses_to_markdown(rectified: dict[str, list[float]], raw: dict[str, list[float]]) -> str:
    """Median errors of each lens."""
    lines = ["| lens | objects | rectified image | raw image |", "|---|---:|---:|---:|"]
    for name, errors in rectified.items():
        found = [f"{1000 * median(item):.1f} mm" for item in (errors, raw[name])]
        lines.append(f"| {name} | {len(errors)} | {found[0]} | {found[1]} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables; the exit status is 1 where a mask is lost, or geometry or advice wrong."""
    parser = argparse.ArgumentParser(prog="python -m ppcr_lab.evaluation.camera_faults")
    parser.add_argument("--objects", type=int, default=12, help="in each situation; default: 12")
    parser.add_argument("--lens-objects", type=int, default=60, help="for each lens; default: 60")
    args = parser.parse_args(argv)
    try:
        pictures = list(views(max(args.objects, args.lens_objects)))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    rows = measure(pictures[: args.objects])
    print(to_markdown(rows))
    some = pictures[: args.lens_objects]
    print("\n" + lenses_to_markdown(lens_errors(some, raw=False), lens_errors(some, raw=True)))
    return 1 if any(row.lost or row.wrong or row.bad_advice for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())

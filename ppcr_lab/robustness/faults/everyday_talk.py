"""Phrases that people say around a command: "right now", "just a second", "on second thought".

Words of places, orders, sizes and colours that mean no object. On the embedded models and the
recorded frames: each command that is answered right when plain is said again with each phrase, and
must mean the same object. Half of the phrases are forms that ppcr-tiny hears while it is trained;
the other half it never hears.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ppcr_lab.evaluation.metrics import CORRECT_IOU, mask_iou
from ppcr_lab.robustness.outcome import FaultOutcome, Plan, is_unexpected
from ppcr_lab.sim.commands import CommandSampler
from ppcr_lab.sim.recording import load_recording
from ppcr_lab.sim.scene import sample_scene, scene_rng
from ppcr_ros.core.config import Config
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Array, Frame, Result, Status

HEARD = (
    "{} right now", "{} right away", "{}, right?", "just a second, {}", "on second thought, {}",
    "{}, second attempt", "first of all, {}", "{}, for the last time", "back in a moment, {}",
    "{} over there please", "between you and me, {}", "{}, on top of that", "next time, {}",
    "all right, {}", "hang on a second, {}", "{} as fast as you can", "one more thing, {}",
    "{}, and be back in a minute",
)  # fmt: skip
HELD_OUT = (
    "last but not least, {}", "{}, up front", "back to square one, {}", "{}, right on cue",
    "over and out, {}", "{}, big deal", "at last, {}", "in the long run, {}",
    "{}, on the right track", "left to my own devices, {}", "{}, the bigger the better",
    "third time is the charm, {}", "{}, for the second time today", "once in a blue moon, {}",
    "{}, behind on sleep", "a little birdie told me, {}", "{}, from top to toe",
    "next on my list, {}",
)  # fmt: skip
"""Of `ppcr_lab.training.everyday.HELD_OUT`: never said in training."""
KINDS = ("attribute", "relation", "ordinal", "comparative", "negation")
MOST_OTHER_SHARE = 1 / 1000
LEAST_SAME_SHARE = 0.97


@dataclass
class _Counts:
    tried: int = 0
    same: int = 0
    other_ok: int = 0
    refused: int = 0

    @property
    def same_share(self) -> float:
        return self.same / self.tried if self.tried else 0.0


def run(plan: Plan) -> FaultOutcome:
    from ppcr_ros.models.factory import build_pipeline

    outcome = FaultOutcome("everyday_talk")
    counts = {"heard in training": _Counts(), "never heard": _Counts()}
    worst: dict[str, int] = {}
    commands = 0
    with build_pipeline(Config()) as pipeline:
        for frame, command, before in _answered(pipeline, plan.of(45, 3), plan.seed):
            commands += 1
            for group, forms in zip(counts, (HEARD, HELD_OUT), strict=True):
                for form in forms[: plan.of(len(forms), 3)]:
                    after = pipeline.run(frame, form.format(command))
                    outcome.crashed += is_unexpected(after.message)
                    if _count(counts[group], before, after):
                        worst[form] = worst.get(form, 0) + 1
    tried, same, other = (
        sum(getattr(item, name) for item in counts.values())
        for name in ("tried", "same", "other_ok")
    )
    outcome.tried = tried
    outcome.expect(commands > 0, "no plain command was answered right")
    outcome.expect(
        other <= MOST_OTHER_SHARE * tried, f"{other} of {tried} went to another object with OK"
    )
    outcome.expect(same >= LEAST_SAME_SHARE * tried, f"{same} of {tried} meant the same object")
    outcome.figures |= {
        "plain commands": commands,
        "with something said around them": tried,
        "the same object": same,
        "another object, with OK": other,
        "no answer, or not with OK": tried - same - other,
        "the same object, share": {k: round(c.same_share, 3) for k, c in counts.items()},
        "another object by what was said": worst,
    }
    return outcome


def _answered(pipeline: PPCRPipeline, count: int, seed: int) -> Iterator[tuple[Frame, str, Array]]:
    """``count`` commands that are answered right when plain, with the mask that came."""
    scenes, number, found = load_recording().scenes, 0, 0
    while found < count and number < 20 * count:
        recorded = scenes[number % len(scenes)]
        rng = np.random.default_rng([seed, number])
        instance = recorded.view.instance
        scene = sample_scene(scene_rng("demo", recorded.index))
        command = CommandSampler(scene, instance, rng, "test").draw(KINDS[number % len(KINDS)])
        number += 1
        if command is None or command.target is None:
            continue
        frame = Frame(rgb=recorded.view.rgb)
        result = pipeline.run(frame, command.text)
        mask = _mask(result)
        if mask is not None and mask_iou(mask, instance == command.target) >= CORRECT_IOU:
            found += 1
            yield frame, command.text, mask


def _mask(result: Result) -> Array | None:
    found = result.segmentation
    return None if found is None or result.status is not Status.OK else found.mask


def _count(counts: _Counts, before: Array, after: Result) -> bool:
    """Whether another object came with OK."""
    counts.tried += 1
    mask = _mask(after)
    if mask is None:
        counts.refused += 1
        return False
    same = mask_iou(before, mask) >= CORRECT_IOU
    counts.same += same
    counts.other_ok += not same
    return not same

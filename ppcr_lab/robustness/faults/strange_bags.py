"""Bags with bytes that were changed, cut or put in, and with infos that ask for what nobody should
get, beside good ones: each is told of, the good ones are replayed, and no hub is asked.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_ros.core.config import Config
from ppcr_ros.core.paths import usable_path
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame
from ppcr_ros.replay.offline_recording import record_run
from ppcr_ros.replay.player import Player, ReplayOptions, Verdict

_EVERY = 5
"""Of so many bags one is good."""
_OPTIONS: tuple[dict[str, Any], ...] = (
    {"mllm": {"model": "~nobody-of-this-name/model"}},
    {"mllm": {"model": "x" * 3_000}},
    {"mllm": {"model": "/dev/zero"}},
    {"segmenter": {"model": "../../../../etc/passwd"}},
    {"pipeline": {"offline": False}},
    {"pipeline": {"score_calibration": "/dev/zero"}},
    {"mllm": {"revision": "\x1b[2J\nsame  all is well"}},
)


def run(plan: Plan) -> FaultOutcome:
    outcome, rng = FaultOutcome("strange_bags"), random.Random(plan.seed)
    verdicts: Counter[str] = Counter()
    asked_online = good = good_same = 0
    configs: list[Config] = []

    def build(config: Config) -> PPCRPipeline:
        configs.append(config)
        for name in (config.mllm.model, config.segmenter.model, config.pipeline.score_calibration):
            usable_path(name)
        return scripted_pipeline(config)

    with tempfile.TemporaryDirectory() as name:
        bags = _bags(Path(name), rng, plan.of(300, 40))
        with Player(ReplayOptions(threads=1), factory=build) as player:
            by_bag: dict[Path, list[Verdict]] = {}
            try:
                for item in player.replay(bags):
                    by_bag.setdefault(item.bag, []).append(item.verdict)
                    verdicts[item.verdict.value] += 1
                    if "Error(" in item.reason and item.verdict is Verdict.UNREADABLE:
                        print(f"{item.bag.name}: {item.reason}")
            except Exception as error:  # noqa: BLE001 - what is looked for
                outcome.crashed += 1
                outcome.expect(False, f"the replay ended: {error!r:.200}")
    for number, bag in enumerate(bags):
        outcome.tried += 1
        outcome.unanswered += bag not in by_bag
        if number % _EVERY == 0:
            good += 1
            good_same += by_bag.get(bag) == [Verdict.SAME]
    asked_online = sum(not config.pipeline.offline for config in configs)
    outcome.expect(good == good_same, f"{good_same} of {good} good bags were replayed alike")
    outcome.expect(asked_online == 0, f"{asked_online} bags switched the network on")
    outcome.figures |= {
        "verdicts": dict(verdicts),
        "good ones": good,
        "of them the same": good_same,
    }
    return outcome


def _bags(folder: Path, rng: random.Random, count: int) -> list[Path]:
    rgb = np.random.default_rng(7).integers(0, 256, (48, 64, 3), np.uint8)
    frame = Frame(rgb=rgb, stamp_ns=12_000_000_034, frame_id="camera")
    with scripted_pipeline(Config()) as pipeline:
        result = pipeline.run(frame, "the mug", command_id="0" * 32)
    configs = [Config()]
    for options in _OPTIONS:
        ((section, values),) = options.items()
        part = replace(getattr(Config(), section), **values)
        configs.append(replace(Config(), **{section: part}))
    patterns = [record_run(folder, frame, "the mug", result, config, {}) for config in configs]
    bags = []
    for number in range(count):
        odd = number % _EVERY == 1
        bag = folder / f"bag {number:04d}"
        shutil.copytree(rng.choice(patterns[1:]) if odd else patterns[0], bag)
        if number % _EVERY > 1:
            _damage(bag, rng)
        bags.append(bag)
    return bags


def _damage(bag: Path, rng: random.Random) -> None:
    """Change bytes of one of a bag's files, cut it, or let it grow."""
    path = rng.choice([path for path in sorted(bag.iterdir()) if path.is_file()])
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 4, 40))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.3:
        del data[rng.randrange(len(data)) :]
    if rng.random() < 0.2:
        start = rng.randrange(len(data) + 1)
        data[start:start] = rng.randbytes(rng.choice((1, 8, 4_000)))
    if rng.random() < 0.05:
        shutil.rmtree(bag)
        bag.mkdir()
    path.write_bytes(bytes(data))

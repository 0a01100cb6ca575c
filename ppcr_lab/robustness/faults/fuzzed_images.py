"""Images that are cut, lie about their size or come out of the future: each command about one must
be answered, or refused with its reason, and the next good image must work.

Raw and compressed images go over DDS to the node's subscriptions. Depth images and camera_info go
with their colour image through the node's conversion to its worker, because what pairs them by
their stamps would hold most of these back.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from ppcr_lab.robustness.images import fuzzed_camera_info, fuzzed_depth, fuzzed_encoded, fuzzed_raw
from ppcr_lab.robustness.node_bench import NodeBench, ReceivedResult, ResultTally, image_of
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_ros.core.types import Status
from ppcr_ros.ros.conversions import image_to_frame, stamp_to_ns
from ppcr_ros.service.requests import Snapshot

_ENDLESS = {"node.max_image_age_sec": 3600.0}
_QOS = QoSProfile(depth=2)
_TIMEOUT_SEC = 20.0


def run(plan: Plan) -> FaultOutcome:
    outcome, tally = FaultOutcome("fuzzed_images"), ResultTally()
    raw, encoded, deep = plan.of(1_200, 60), plan.of(500, 25), plan.of(300, 15)
    _over_dds(Image, "/image", fuzzed_raw(raw, plan.seed), {}, outcome, tally)
    _over_dds(
        CompressedImage,
        "/image/compressed",
        fuzzed_encoded(encoded, plan.seed + 1),
        {"node.use_compressed": True},
        outcome,
        tally,
    )
    _with_depth(deep, plan.seed + 2, outcome, tally)
    outcome.figures |= {"raw": raw, "compressed": encoded, "with depth and camera_info": deep}
    tally.into(outcome)
    return outcome


def _over_dds(
    message_type: Any,
    topic: str,
    messages: Iterable[Any],
    parameters: dict[str, Any],
    outcome: FaultOutcome,
    tally: ResultTally,
) -> None:
    with NodeBench(scripted_pipeline, {**_ENDLESS, **parameters}) as bench:
        camera = bench.node.create_publisher(message_type, topic, _QOS)
        bench.until(lambda: camera.get_subscription_count() > 0)
        time.sleep(2.5)  # the node looks once a second whether another QoS suits the publisher
        for message in messages:
            if not bench.show(camera, message):
                outcome.expect(False, f"the node took no image any more on {topic}")
                return
            tally.add(_ask(bench, lambda: bench.say("the red mug")))
            outcome.tried += 1
        if message_type is Image:
            bench.show(camera, image_of(np.zeros((48, 64, 3), np.uint8)))
            (last,) = _ask(bench, lambda: bench.say("the red mug"))
            outcome.expect(last.status is Status.OK, "the good image after them was refused")


def _with_depth(count: int, seed: int, outcome: FaultOutcome, tally: ResultTally) -> None:
    rng = random.Random(seed)
    colour = image_of(np.zeros((48, 64, 3), np.uint8))
    with NodeBench(scripted_pipeline, _ENDLESS) as bench:
        worker = bench.ppcr.worker
        if worker is None:
            raise RuntimeError("the node is not active.")
        for _ in range(count):
            depth = fuzzed_depth(rng, 64, 48)
            info = fuzzed_camera_info(rng, 64, 48) if rng.random() < 0.7 else None
            convert = partial(image_to_frame, colour, depth, info)
            worker.offer(Snapshot(convert, stamp_to_ns(depth.header.stamp), "camera"))
            tally.add(_ask(bench, lambda: bench.say("the red mug")))
            outcome.tried += 1


def _ask(bench: NodeBench, say: Callable[[], None]) -> list[ReceivedResult]:
    before = len(bench.results)
    say()
    bench.answered(before + 1, _TIMEOUT_SEC)
    return bench.results[before:]

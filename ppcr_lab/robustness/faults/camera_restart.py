"""The camera dies and comes back, also with another QoS: commands in between must hear that no
image came, and commands afterwards must work."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from ppcr_lab.robustness.node_bench import NodeBench, ResultTally, image_of
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_ros.core.types import Status

RATE_HZ = 20.0
_MAX_AGE_SEC, _TIMEOUT_SEC = 0.3, 0.5
_OFFERS = [
    QoSProfile(depth=5, reliability=reliability, durability=durability)
    for reliability in (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT)
    for durability in (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL)
]
_NO_IMAGE = "no image to search within"


def run(plan: Plan) -> FaultOutcome:
    outcome, tally = FaultOutcome("camera_restart"), ResultTally()
    recoveries_sec: list[float] = []
    limits = {"node.max_image_age_sec": _MAX_AGE_SEC, "node.frame_timeout_sec": _TIMEOUT_SEC}
    image = image_of(np.zeros((48, 64, 3), np.uint8))
    with NodeBench(scripted_pipeline, limits) as bench:
        for number in range(plan.of(20, 3)):
            offer = _OFFERS[(3 * number) % len(_OFFERS)]
            camera = bench.node.create_publisher(Image, "/image", offer)
            timer = bench.node.create_timer(1.0 / RATE_HZ, partial(camera.publish, image))
            begun, before = time.monotonic(), bench.frames_received()
            came = bench.until(partial(_have_come, bench, before + 2), 20.0)
            outcome.expect(came, f"no image after the camera came back with {_named(offer)}")
            recoveries_sec.append(time.monotonic() - begun)
            _ask(bench, tally, outcome, Status.OK, "")

            bench.node.destroy_timer(timer)
            bench.node.destroy_publisher(camera)
            time.sleep(2 * _MAX_AGE_SEC)
            _ask(bench, tally, outcome, Status.ERROR, _NO_IMAGE)
            outcome.tried += 1
    tally.into(outcome)
    outcome.figures["until images came again, median sec"] = float(np.median(recoveries_sec))
    outcome.figures["until images came again, max sec"] = max(recoveries_sec)
    return outcome


def _have_come(bench: NodeBench, more_than: int) -> bool:
    return bench.frames_received() > more_than


def _ask(
    bench: NodeBench, tally: ResultTally, outcome: FaultOutcome, status: Status, words: str
) -> None:
    before = len(bench.results)
    bench.say("the red mug")
    bench.answered(before + 1)
    results = bench.results[before:]
    tally.add(results)
    if results:
        right = results[0].status is status and words in results[0].message
        outcome.expect(
            right,
            f"expected {status.name} {words!r}, got {results[0].status.name} {results[0].message}",
        )


def _named(offer: QoSProfile) -> str:
    return f"{offer.reliability.name}, {offer.durability.name}"

"""Commands of all that a string can hold: each must be answered, or refused with its reason.

They go over DDS, one after the other, to the node with scripted models, and a smaller number to the
node with the embedded ones. What rclpy cannot encode (lone surrogates) is handed to the node's
callback.
"""

from __future__ import annotations

import time

from std_msgs.msg import String

from ppcr_lab.robustness.node_bench import NodeBench, ResultTally, image_of
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.scripted import scripted_pipeline
from ppcr_lab.robustness.texts import fuzzed_commands
from ppcr_lab.sim.recording import load_recording
from ppcr_ros.service.warm_up import PipelineFactory, build_models

_ENDLESS = {"node.max_image_age_sec": 3600.0}
_TIMEOUT_SEC = 20.0


def run(plan: Plan) -> FaultOutcome:
    outcome, tally = FaultOutcome("fuzzed_commands"), ResultTally()
    to_scripted, to_embedded = plan.of(9_500, 285), plan.of(500, 15)
    unsent = 0
    for factory, count, seed in (
        (scripted_pipeline, to_scripted, plan.seed),
        (build_models, to_embedded, plan.seed + 1),
    ):
        unsent += _speak(factory, count, seed, tally, outcome)
    outcome.figures["to the scripted models"] = to_scripted
    outcome.figures["to the embedded models"] = to_embedded
    outcome.figures["of these straight to the callback, as rclpy cannot encode them"] = unsent
    tally.into(outcome)
    return outcome


def _speak(
    factory: PipelineFactory, count: int, seed: int, tally: ResultTally, outcome: FaultOutcome
) -> int:
    """Say ``count`` commands; returns how many of them rclpy could not send."""
    unsent = 0
    with NodeBench(factory, _ENDLESS) as bench:
        camera = bench.node.create_publisher(type(_image()), "/image", 1)
        bench.show(camera, _image())
        callback = bench.command_callback()
        for kind, command in fuzzed_commands(count, seed):
            before = len(bench.results)
            try:
                bench.say(command)
            except UnicodeEncodeError:
                unsent += 1
                callback(String(data=command))
            if not bench.answered(before + 1, _TIMEOUT_SEC):
                print(f"unanswered: {kind}: {command[:200]!r}", flush=True)
            results = bench.results[before:]
            tally.add(results)
            outcome.tried += 1
        asked = len(bench.results)
        time.sleep(0.5)
        outcome.expect(len(bench.results) == asked, "a command had two results")
    return unsent


def _image() -> object:
    return image_of(load_recording().scenes[0].view.rgb)

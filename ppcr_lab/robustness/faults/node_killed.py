"""The node ends in the middle of a command, by SIGINT, SIGTERM and SIGHUP or by SIGKILL, and is
started again: its client must see it, nothing may be left of it, and the next command must work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image

from ppcr_lab.robustness.node_bench import Talker, image_of
from ppcr_lab.robustness.outcome import FaultOutcome, Plan
from ppcr_lab.robustness.slow_node import SLOW_WORD
from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.types import Status
from ppcr_ros.msg import SemanticPrompt

SCRIPTED, EMBEDDED = "ppcr_lab.robustness.slow_node", "ppcr_ros.ros.main"
_SIGNALS = {
    signal.SIGINT: 0,
    signal.SIGTERM: 0,
    signal.SIGHUP: 0,
    signal.SIGKILL: -signal.SIGKILL,
}
"""What ends the node, and the exit status that is right for it."""
_START_SEC, _END_SEC, _LEASE_SEC = 240.0, 60.0, 40.0
_CAMERA_PERIOD_SEC, _MATCH_SEC = 0.1, 1.0
_NOT_YET, _PAUSE_SEC = "is not carried out: the node is", 0.5
COMMAND = load_recording().scenes[0].commands[0].text


def run(plan: Plan) -> FaultOutcome:
    outcome = FaultOutcome("node_killed")
    ends_sec: list[float] = []
    gone_sec: list[float] = []
    cancelled = 0
    with Talker() as talker:
        image = image_of(load_recording().scenes[0].view.rgb)
        camera = talker.node.create_publisher(Image, "/image", 5)
        talker.node.create_timer(_CAMERA_PERIOD_SEC, lambda: camera.publish(image))
        rounds = [(SCRIPTED, number) for number in _SIGNALS for _ in range(plan.of(3, 1))]
        rounds += [] if plan.short else [(EMBEDDED, number) for number in _SIGNALS]
        node: subprocess.Popen[bytes] | None = None
        running = ""
        try:
            for module, number in rounds:
                if module != running:
                    if node is not None:
                        _end(node, signal.SIGTERM)
                    node, running = _start(module), module
                    _ask(talker, outcome, "at first")
                assert node is not None
                heard_before = len(talker.results)
                _begin(talker, f"{COMMAND} {SLOW_WORD}" if module == SCRIPTED else COMMAND, outcome)
                outcome.tried += 1
                begun = time.monotonic()
                status = _end(node, number)
                ends_sec.append(time.monotonic() - begun)
                outcome.expect(
                    status == _SIGNALS[number], f"{number.name} gave the exit status {status}"
                )
                outcome.expect(not _alive(node.pid), f"{number.name} left a process behind")
                if number is not signal.SIGKILL:
                    cancelled += _check_ending(talker, heard_before, outcome, number.name)
                if not plan.short and number is signal.SIGKILL:
                    # It says no farewell: the graph forgets it when its lease runs out.
                    gone = lambda: not talker.node.count_publishers("/ppcr/result")  # noqa: E731
                    seen = talker.until(gone, _LEASE_SEC)
                    outcome.expect(seen, "the killed node never left the graph")
                    gone_sec.append(time.monotonic() - begun)
                node = _start(module)
                _ask(talker, outcome, f"after {number.name}")
        finally:
            if node is not None:
                _end(node, signal.SIGKILL)
    outcome.figures["results that said the node was shutting down"] = cancelled
    outcome.figures["from signal to exit, median sec"] = round(float(np.median(ends_sec)), 2)
    outcome.figures["from signal to exit, max sec"] = round(max(ends_sec), 2)
    if gone_sec:
        outcome.figures["from SIGKILL until it left the graph, max sec"] = round(max(gone_sec), 1)
    return outcome


def _begin(talker: Talker, command: str, outcome: FaultOutcome) -> None:
    """Say ``command`` and wait until the node is in the middle of it."""
    begun: list[str] = []
    node = talker.node

    def on_diagnostics(message: DiagnosticArray) -> None:
        states = (pair for item in message.status for pair in item.values if pair.key == "worker")
        begun.extend(pair.value for pair in states if pair.value == "running")

    watchers = [
        node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10),
        node.create_subscription(
            SemanticPrompt, "/ppcr/semantic_prompt", lambda message: begun.append(message.text), 10
        ),
    ]
    talker.until(lambda: node.count_publishers("/ppcr/semantic_prompt"))
    time.sleep(_MATCH_SEC)
    begun.clear()
    talker.say(command)
    outcome.expect(talker.until(lambda: begun, _START_SEC), "a command did not begin")
    for watcher in watchers:
        node.destroy_subscription(watcher)


def _start(module: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", module], start_new_session=True)


def _end(node: subprocess.Popen[bytes], number: signal.Signals) -> int | None:
    """The exit status; None where the node did not end."""
    with suppress(ProcessLookupError):
        node.send_signal(number)
    try:
        return node.wait(_END_SEC)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()
        return None


def _alive(group: int) -> bool:
    """Whether a process of the group is left; one that was waited for is none, nor a zombie."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _check_ending(talker: Talker, before: int, outcome: FaultOutcome, name: str) -> int:
    """Whether the running command's client was told how it ended."""
    if not talker.answered(before + 1, 5.0):
        outcome.unanswered += 1
        return 0
    last = talker.results[before]
    right = last.status is not Status.CANCELLED or "shutting down" in last.message
    outcome.expect(right, f"after {name} the result said: {last.message}")
    return int(last.status is Status.CANCELLED)


def _ask(talker: Talker, outcome: FaultOutcome, when: str) -> None:
    """A command once the node listens, which must be answered."""
    listens = talker.until(
        lambda: talker.commands.get_subscription_count() and _publishes(talker), _START_SEC
    )
    outcome.expect(listens, f"the node did not come up {when}")
    deadline, last = time.monotonic() + _START_SEC, None
    # A node that is being configured answers that it cannot act yet.
    while time.monotonic() < deadline and (last is None or _NOT_YET in last.message):
        if last is not None:
            time.sleep(_PAUSE_SEC)
        before = len(talker.results)
        talker.say(COMMAND)
        if talker.answered(before + 1, 5.0):
            last = talker.results[before]
    outcome.unanswered += last is None
    if last is not None:
        outcome.expect(
            last.status in (Status.OK, Status.NOT_FOUND, Status.LOW_CONFIDENCE, Status.AMBIGUOUS),
            f"{when} the result was {last.status.name}: {last.message}",
        )


def _publishes(talker: Talker) -> bool:
    return bool(talker.node.count_publishers("/ppcr/result"))

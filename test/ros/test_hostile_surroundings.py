"""Transitions that cannot be, refusals in haste, text from outside, signals, disks that go."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import String

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions

RESULT = "/ppcr/result"
HOSTILE = "cam\x1b[2J\n[INFO] [1.0] [ppcr]: all is well"


def change(bench: Any, transition: int | str) -> bool:
    asked = (
        Transition(label=transition) if isinstance(transition, str) else Transition(id=transition)
    )
    request = ChangeState.Request(transition=asked)
    return bool(bench.ask(ChangeState, "/ppcr/change_state", request).success)


def test_every_transition_is_answered_in_every_state(bench: Any) -> None:
    bench.start(activate=False)
    activate, deactivate, cleanup = 3, 4, 2
    assert not change(bench, activate)  # unconfigured
    assert not change(bench, deactivate)
    assert not change(bench, 99)
    assert not change(bench, "no_such_transition")
    assert change(bench, "configure")
    assert not change(bench, "configure")
    assert change(bench, activate)
    assert not change(bench, cleanup)
    assert change(bench, "shutdown")
    for transition in ("configure", "activate", "deactivate", "cleanup", "shutdown", 0, 99):
        assert not change(bench, transition)


def test_a_command_after_shutdown_is_refused(bench: Any) -> None:
    node = bench.begin()
    node.trigger_shutdown()
    result = bench.answer("the green ball")
    assert result.status == ReferringSegmentation.ERROR
    assert "it was shut down" in result.message


def test_a_refusal_in_a_moment_of_inactivity_arrives(bench: Any) -> None:
    node = bench.begin()
    for number in range(5):
        node.trigger_deactivate()
        node.on_command("", String(data=f"the ball {number}"))
        node.trigger_activate()
    results = bench.wait(RESULT, 5)
    assert [item.command for item in results] == [f"the ball {number}" for number in range(5)]
    assert {item.status for item in results} == {ReferringSegmentation.ERROR}


def test_a_folder_below_a_home_that_is_not_there_is_refused(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start(record__folder="~nobody-of-this-name/bags")  # at the start it goes on without
    bench.listen(ReferringSegmentation, RESULT)
    bench.say("the green ball")
    request = SetParameters.Request(
        parameters=[
            Parameter("record.folder", value="~nobody-of-this-name/other").to_parameter_msg()
        ]
    )
    (answer,) = bench.ask(SetParameters, "/ppcr/set_parameters", request).results
    assert not answer.successful
    assert "there is no home folder for its ~" in answer.reason


def test_text_from_outside_cannot_forge_the_log(
    bench: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.begin(node__use_depth=False)
    bench.listen(DiagnosticArray, "/diagnostics")
    picture = conversions.rgb_to_image(
        np.zeros((48, 64, 3), np.uint8), conversions.make_header(1, HOSTILE)
    )
    picture.encoding = "rgb8\x1b[31m"
    bench.show(picture)
    result = bench.answer("the green ball")
    bench.node.get_logger().error(f"the frame is {HOSTILE}")
    shown = "".join(capfd.readouterr())
    assert "\x1b[2J" not in shown
    assert "\x1b[31m" not in shown
    assert not re.search(r"^\[INFO\] \[1\.0\]", shown, re.MULTILINE)
    assert "| [INFO] [1.0] [ppcr]: all is well" in shown
    assert result.message.isprintable()

    def told() -> list[str]:
        return [
            item.value
            for message in bench.wait("/diagnostics", 0)
            for status in message.status
            for item in status.values
            if item.key == "frame_id"
        ]

    bench.until(lambda: bool(told()), "diagnostics of the image")
    assert told()[0].isprintable()


def test_a_line_of_the_log_belongs_to_its_caller(bench: Any) -> None:
    node = bench.start(activate=False)
    logger = node.get_logger()
    logger.info("one")
    logger.warning("two")  # rclpy refuses one place of two severities
    logger.error("three", throttle_duration_sec=1.0)
    assert logger is node.get_logger()
    places = {Path(place.file_path).name for place in logger.contexts}
    assert places >= {Path(__file__).name}
    assert "log.py" not in places


def test_an_unusable_image_in_track_mode_is_told_once_by_name(
    bench: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.begin(node__mode="track", node__track_max_rate_hz=30.0)
    good = conversions.rgb_to_image(
        np.full((48, 64, 3), 90, np.uint8), conversions.make_header(1, "camera")
    )
    bench.show(good)
    bench.answer("the green ball")
    good.encoding = "tutti frutti"
    refused = bench.node.worker.report().frames_refused
    for number in range(2, 7):
        good.header.stamp.sec = number
        before = bench.node.worker.report().frames_refused
        bench.show(good)
        bench.until(
            lambda: bench.node.worker.report().frames_refused > before,  # noqa: B023
            "the image to be tried",
        )
    assert bench.node.worker.report().frames_refused >= refused + 5
    shown = "".join(capfd.readouterr())
    assert shown.count("while converting an image to track in") == 1
    assert "Traceback" not in shown


def test_loading_ends_at_its_next_step_and_the_node_never_becomes_active(bench: Any) -> None:
    from ppcr_ros.ros.node import PpcrNode

    ending, loading, go = CancelToken(), threading.Event(), threading.Event()

    def slow(config: Any) -> Any:
        loading.set()
        assert go.wait(180)
        return bench.scripted.build(config)

    bench.node = node = PpcrNode(pipeline_factory=slow, ending=ending, context=bench.context)
    bench.executor.add_node(node)
    started: list[bool] = []
    thread = threading.Thread(target=lambda: started.append(node.start()))
    thread.start()
    assert loading.wait(180)
    ending.cancel("the node is shutting down.")
    go.set()
    thread.join(60)
    assert started == [False]
    assert node.worker is None
    assert bench.scripted.mllm.turns == []  # not even the first run was made


def test_a_node_that_ends_finds_no_fault_with_those_that_end_with_it(bench: Any) -> None:
    """At Ctrl-C of `ros2 launch` all others leave too: "this node sees no other node at all"."""
    from ppcr_ros.ros.node import PpcrNode

    ending = CancelToken()
    bench.node = node = PpcrNode(
        pipeline_factory=bench.scripted.build, ending=ending, context=bench.context
    )
    bench.executor.add_node(node)
    assert node.start()
    bench.listen(DiagnosticArray, "/diagnostics")
    bench.wait("/diagnostics", 2)
    ending.cancel("the node is shutting down.")
    before = bench.count("/diagnostics")
    threading.Event().wait(2.5)
    assert bench.count("/diagnostics") <= before + 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_with_its_result(
    bench: Any, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "node.log"
    bench.listen(ReferringSegmentation, RESULT)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "ppcr_lab.robustness.slow_node", "--ros-args",
             "-p", "node.frame_timeout_sec:=60.0"],
            stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        bench.until(lambda: "active: say what" in log.read_text(), "the node", 120.0)
        bench.say("the ball, patiently")  # there is no camera: it waits for an image
        bench.until(lambda: bench.probe.count_publishers(RESULT) > 0, "the publisher", 60.0)
        threading.Event().wait(1.0)
        process.send_signal(number)
        (result,) = bench.wait(RESULT, 1, 60.0)
        assert result.status == ReferringSegmentation.CANCELLED
        assert "shutting down" in result.message
        assert process.wait(180) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


def test_a_planted_link_in_the_place_of_the_probe_is_not_followed(tmp_path: Path) -> None:
    from ppcr_ros.core.config import RecordConfig
    from ppcr_ros.replay.recorder import prepare_folder

    folder, outside = tmp_path / "bags", tmp_path / "outside"
    folder.mkdir()
    (folder / ".ppcr-can-write").symlink_to(outside)
    prepare_folder(RecordConfig(folder=str(folder)))
    assert not outside.exists()
    assert [path.name for path in folder.iterdir()] == [".ppcr-can-write"]

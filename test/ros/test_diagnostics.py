from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from ppcr_ros.core.types import ModelNames, Result, StageSeconds, Status
from ppcr_ros.ros.diagnostics import diagnostics_message, percentiles
from ppcr_ros.ros.worker import WorkerReport


def test_percentiles_of_each_stage() -> None:
    values = percentiles([StageSeconds(total=index / 100) for index in range(101)])
    assert (values["total p50"], values["total p95"]) == ("0.500 s", "0.950 s")
    assert values["semantic p50"] == "0.000 s"
    assert len(values) == 10
    assert percentiles([]) == {}


def test_a_healthy_node_shows_what_it_did() -> None:
    message = diagnostics_message(
        stamp=Time(sec=3),
        node_name="/ppcr",
        state="active",
        models=ModelNames("an-mllm", "a-segmenter"),
        topics=["/camera/image_raw"],
        report=WorkerReport(
            "running", 30, 2, 1, 2, Result(Status.OK, "the mug"), "", (StageSeconds(total=0.25),)
        ),
    )
    (status,) = message.status
    assert (status.level, status.message) == (DiagnosticStatus.OK, "active, running")
    assert status.name == "/ppcr: referring segmentation"
    values = {item.key: item.value for item in status.values}
    assert values["frames received"] == "30"
    assert values["frames refused"] == "1"
    assert values["mllm"] == "an-mllm"
    assert (values["last command"], values["last status"]) == ("the mug", "OK")
    assert values["total p95"] == "0.250 s"
    assert message.header.stamp.sec == 3


@pytest.mark.parametrize(
    ("problem", "silence", "status", "level", "text"),
    [
        ("no weights", "no camera", Status.ERROR, DiagnosticStatus.ERROR, "no weights"),
        ("", "no camera", Status.OK, DiagnosticStatus.WARN, "no camera"),
        ("", "", Status.ERROR, DiagnosticStatus.WARN, "it broke"),
        ("", "", Status.NOT_FOUND, DiagnosticStatus.OK, "active, idle"),
        ("", "", Status.AMBIGUOUS, DiagnosticStatus.OK, "active, idle"),
    ],
)
def test_the_worst_news_comes_first(
    problem: str, silence: str, status: Status, level: bytes, text: str
) -> None:
    message = diagnostics_message(
        stamp=Time(),
        node_name="/ppcr",
        state="active",
        problem=problem,
        silence=silence,
        report=WorkerReport(last=Result(status, "x", message="it broke")),
    )
    assert (message.status[0].level, message.status[0].message) == (level, text)

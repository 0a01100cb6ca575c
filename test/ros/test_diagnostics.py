"""Diagnostics of the node."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from ppcr_ros.core.types import ModelNames, Result, StageSeconds, Status
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.ros.diagnostics import Health, diagnostics_message, percentiles
from ppcr_ros.service.worker_report import WorkerReport

NO_CAMERA = kinds.NO_PUBLISHER.found(
    "/image", message_type="Image", candidates="", argument="image_topic:=/camera"
)
NOT_LOADED = kinds.MODELS_NOT_LOADED.found("models", problem="no weights")
NOTE = kinds.NO_CAMERA_INFO.found("/info", argument="camera_info_topic:=/camera/camera_info")
ACTIVE = Health("/ppcr", "active", report=WorkerReport())


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def test_percentiles_of_each_stage() -> None:
    values = percentiles([StageSeconds(total=index / 100) for index in range(101)])
    assert (values["total p50"], values["total p95"]) == ("0.500 s", "0.950 s")
    assert values["semantic p50"] == "0.000 s"
    assert len(values) == 10
    assert percentiles([]) == {}


def test_a_healthy_node_shows_what_it_did() -> None:
    report = WorkerReport(
        "running",
        30,
        2,
        1,
        2,
        0,
        Result(Status.OK, "the mug"),
        "out of memory",
        (StageSeconds(total=0.25),),
        frames_dropped=27,
        endings={Status.OK: 1, Status.ERROR: 1},
    )
    health = Health(
        node_name="/ppcr",
        phase="active",
        models=ModelNames("an-mllm", "a-segmenter"),
        topics=["/camera/image_raw"],
        report=report,
        camera={"image topic": "/camera/image_raw", "frame_id": "camera_optical"},
        model_values={"mllm device": "cuda:0 bfloat16"},
        last_error="out of memory",
        last_error_unix_sec=1_700_000_000.0,
    )
    message = diagnostics_message(health, Time(sec=3))
    whole, camera, models = message.status
    assert message.header.stamp.sec == 3
    assert (whole.level, whole.message) == (DiagnosticStatus.OK, "active, running")
    assert whole.name == "/ppcr: referring segmentation"
    assert whole.hardware_id
    values = values_of(whole)
    frames = [values[f"frames {kind}"] for kind in ("received", "used", "dropped", "refused")]
    assert frames == ["30", "2", "27", "1"]
    assert (values["commands OK"], values["commands ERROR"]) == ("1", "1")
    assert values["commands NOT_FOUND"] == "0"
    assert (values["last command"], values["last status"]) == ("the mug", "OK")
    assert values["last error"] == "out of memory"
    assert values["last error time"] == "2023-11-14T22:13:20Z"
    assert values["total p95"] == "0.250 s"
    assert (camera.name, camera.message) == ("/ppcr: camera", "OK")
    assert camera.hardware_id == "camera_optical"
    assert values_of(camera)["image topic"] == "/camera/image_raw"
    assert models.name == "/ppcr: models"
    assert values_of(models)["mllm"] == values["mllm"] == "an-mllm"
    assert values_of(models)["mllm device"] == "cuda:0 bfloat16"


@pytest.mark.parametrize(
    ("node", "camera", "models", "status", "level", "text"),
    [
        ([NOT_LOADED], [NO_CAMERA], [], Status.ERROR, DiagnosticStatus.ERROR, NOT_LOADED.text),
        ([], [NO_CAMERA], [], Status.OK, DiagnosticStatus.WARN, NO_CAMERA.text),
        ([], [NOTE, NO_CAMERA], [], Status.ERROR, DiagnosticStatus.WARN, NO_CAMERA.text),
        ([], [], [], Status.ERROR, DiagnosticStatus.WARN, "it broke"),
        ([], [NOTE], [], Status.ERROR, DiagnosticStatus.WARN, "it broke"),
        ([], [], [], Status.NOT_FOUND, DiagnosticStatus.OK, "active, idle"),
        ([], [NOTE], [], Status.AMBIGUOUS, DiagnosticStatus.OK, "active, idle"),
    ],
)
def test_the_worst_news_comes_first(
    node: list[Finding],
    camera: list[Finding],
    models: list[Finding],
    status: Status,
    level: bytes,
    text: str,
) -> None:
    health = replace(
        ACTIVE,
        report=WorkerReport(last=Result(status, "x", message="it broke")),
        node_findings=node,
        camera_findings=camera,
        model_findings=models,
    )
    whole = diagnostics_message(health, Time()).status[0]
    assert (whole.level, whole.message) == (level, text)


def test_every_finding_is_listed_with_its_level_and_belongs_to_its_part() -> None:
    short = kinds.MEMORY_SHORT.found("the GPU's memory", needed="9.0 GB", available="4.0 GB")
    health = replace(ACTIVE, camera_findings=[NOTE, NO_CAMERA], model_findings=[short])
    whole, camera, models = diagnostics_message(health, Time()).status
    values = values_of(whole)
    assert values["finding 1 (WARN)"] == short.text
    assert values["finding 2 (WARN)"] == NO_CAMERA.text
    assert values["finding 3 (NOTE)"] == NOTE.text
    assert (camera.level, camera.message) == (DiagnosticStatus.WARN, NO_CAMERA.text)
    assert (models.level, models.message) == (DiagnosticStatus.WARN, short.text)


def test_a_note_alone_alarms_nobody() -> None:
    assert NOTE.level is Level.NOTE
    camera = diagnostics_message(replace(ACTIVE, camera_findings=[NOTE]), Time()).status[1]
    assert (camera.level, camera.message) == (DiagnosticStatus.OK, "OK")


def test_without_a_camera_there_is_no_status_of_it() -> None:
    names = [item.name for item in diagnostics_message(Health("/ns/ppcr", "x"), Time()).status]
    assert names == ["/ns/ppcr: referring segmentation", "/ns/ppcr: models"]

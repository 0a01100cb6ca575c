"""The node's health for ``/diagnostics`` (REP 107)."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from ppcr_ros.core.knowledge import UNLIKE
from ppcr_ros.core.outside_text import printable
from ppcr_ros.core.types import ModelNames, StageSeconds, Status
from ppcr_ros.health.findings import Finding, Level, worst_first
from ppcr_ros.service.worker_report import WorkerReport

_STAGES = ("semantic", "spatial", "encode", "segmentation", "total")
_LEVELS = (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR)


@dataclass(frozen=True)
class Health:
    """State of the node that ``/diagnostics`` publishes.

    Attributes:
        node_name: the full name.
        phase: of the life cycle, such as ``active``.
        models: what is loaded; None while nothing is.
        report: what the worker has done; None while there is none.
        topics: what is listened to.
        node_findings: of the node and of its commands.
        camera_findings: of the camera and the ROS graph.
        model_findings: of the models and their memory.
        camera: further values of the camera, by name; empty while nothing is listened to. Of one
            of several cameras they begin with its name.
        model_values: further values of the models, such as where they run.
        last_error: the newest error of all; empty where there was none.
        last_error_unix_sec: when it happened, seconds since the epoch.
    """

    node_name: str
    phase: str
    models: ModelNames | None = None
    report: WorkerReport | None = None
    topics: Sequence[str] = ()
    node_findings: Sequence[Finding] = ()
    camera_findings: Sequence[Finding] = ()
    model_findings: Sequence[Finding] = ()
    camera: Mapping[str, str] = field(default_factory=dict)
    model_values: Mapping[str, str] = field(default_factory=dict)
    last_error: str = ""
    last_error_unix_sec: float = 0.0

    @property
    def findings(self) -> list[Finding]:
        """All findings, the worst ones first."""
        return worst_first((*self.node_findings, *self.model_findings, *self.camera_findings))


def diagnostics_message(health: Health, stamp: Time) -> DiagnosticArray:
    """Three statuses: the node as a whole, the camera, the models.

    The first has the level of the worst finding, and WARN where the last command ended as ERROR;
    its message says in one line what to do.
    """
    name = health.node_name
    hardware = socket.gethostname()
    camera_name = health.camera.get("frame_id", "") or (health.topics[0] if health.topics else "")
    statuses = [_whole(health, hardware)]
    if health.topics or health.camera_findings:
        statuses.append(
            _status(f"{name}: camera", camera_name, health.camera_findings, health.camera)
        )
    values: dict[str, object] = {}
    if health.models is not None:
        values |= {"mllm": health.models.mllm, "segmenter": health.models.segmenter}
    values |= health.model_values
    statuses.append(_status(f"{name}: models", hardware, health.model_findings, values))
    return DiagnosticArray(header=Header(stamp=stamp), status=statuses)


def percentiles(seconds: Sequence[StageSeconds]) -> dict[str, str]:
    """The 50th and 95th percentile of each stage, such as ``{"total p50": "0.412 s", ...}``."""
    if not seconds:
        return {}
    values: dict[str, str] = {}
    for stage in _STAGES:
        times = [getattr(item, stage) for item in seconds]
        for share in (50, 95):
            values[f"{stage} p{share}"] = f"{float(np.percentile(times, share)):.3f} s"
    return values


def _whole(health: Health, hardware: str) -> DiagnosticStatus:
    values: dict[str, object] = {"state": health.phase}
    fine, trouble = health.phase, ""
    if health.models is not None:
        values |= {"mllm": health.models.mllm, "segmenter": health.models.segmenter}
    if health.topics:
        values["topics"] = " ".join(health.topics)
    report = health.report
    if report is not None:
        fine = f"{health.phase}, {report.state}"
        values |= _work(report)
        if report.last is not None and report.last.status is Status.ERROR:
            trouble = report.last.message
        elif report.last is not None and (report.last.unfamiliarity or 0.0) > 1.0:
            trouble = UNLIKE
    if health.last_error:
        values["last error"] = health.last_error
        values["last error time"] = _utc(health.last_error_unix_sec)
    for number, finding in enumerate(health.findings, 1):
        values[f"finding {number} ({finding.level.name})"] = finding.text
    if report is not None:
        values |= percentiles(report.seconds)
    status = _status(
        f"{health.node_name}: referring segmentation", hardware, health.findings, values, fine
    )
    if trouble and status.level == DiagnosticStatus.OK:
        status.level, status.message = DiagnosticStatus.WARN, trouble
    return status


def _work(report: WorkerReport) -> dict[str, object]:
    values: dict[str, object] = {
        "worker": report.state,
        "frames received": report.frames_received,
        "frames used": report.frames_used,
        "frames dropped": report.frames_dropped,
        "frames refused": report.frames_refused,
        "commands": report.commands,
    }
    values |= {f"commands {status.name}": report.endings.get(status, 0) for status in Status}
    if report.last is not None:
        values |= {"last command": report.last.command, "last status": report.last.status.name}
        if report.last.unfamiliarity is not None:
            values["last unfamiliarity"] = round(report.last.unfamiliarity, 2)
    return values


def _status(
    name: str,
    hardware_id: str,
    findings: Sequence[Finding],
    values: Mapping[str, Any],
    fine: str = "OK",
) -> DiagnosticStatus:
    """A status at the level of the worst of ``findings``, whose text is its message."""
    worst = next(iter(worst_first(findings)), None)
    bad = worst is not None and worst.level > Level.NOTE
    return DiagnosticStatus(
        level=_LEVELS[worst.level] if worst is not None else DiagnosticStatus.OK,
        name=name,
        message=printable(worst.text if worst is not None and bad else fine),
        hardware_id=printable(hardware_id),
        # A frame id or an encoding is whatever the driver wrote.
        values=[KeyValue(key=key, value=printable(str(value))) for key, value in values.items()],
    )


def _utc(unix_sec: float) -> str:
    return datetime.fromtimestamp(unix_sec, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

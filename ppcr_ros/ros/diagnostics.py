"""The node's health for ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from ppcr_ros.core.memory import MemoryReport
from ppcr_ros.core.types import ModelNames, StageSeconds, Status
from ppcr_ros.ros.worker import WorkerReport

_STAGES = ("semantic", "spatial", "encode", "segmentation", "total")


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


def diagnostics_message(
    *,
    stamp: Time,
    node_name: str,
    state: str,
    problem: str = "",
    warning: str = "",
    models: ModelNames | None = None,
    memory: MemoryReport | None = None,
    topics: Sequence[str] = (),
    report: WorkerReport | None = None,
    silence: str = "",
) -> DiagnosticArray:
    """One status for the whole node.

    Args:
        stamp: now.
        node_name: the full name.
        state: of the life cycle, such as ``active``.
        problem: why there are no models; empty where there are.
        warning: what else the node's operator should know; empty where there is nothing.
        models: what is loaded.
        memory: what it takes; None where that is not known.
        topics: what is listened to.
        report: what the worker has done; None while there is none.
        silence: why no image arrives; empty where images arrive.

    Returns:
        Level ERROR with a ``problem``, WARN with a ``warning``, where no image arrives or the last
        command ended as ERROR, else OK.
    """
    values: dict[str, object] = {"state": state}
    if models is not None:
        values |= {"mllm": models.mllm, "segmenter": models.segmenter}
    if memory is not None:
        values |= memory.values()
    if topics:
        values["topics"] = " ".join(topics)
    level, summary = DiagnosticStatus.OK, state
    if report is not None:
        summary = f"{state}, {report.state}"
        values |= {
            "worker": report.state,
            "frames received": report.frames_received,
            "frames used": report.frames_used,
            "frames refused": report.frames_refused,
            "commands": report.commands,
        }
        if report.last is not None:
            values |= {"last command": report.last.command, "last status": report.last.status.name}
            if report.last.status is Status.ERROR:
                level, summary = DiagnosticStatus.WARN, report.last.message
        if report.last_error:
            values["last error"] = report.last_error
        values |= percentiles(report.seconds)
    if warning:
        level, summary = DiagnosticStatus.WARN, warning
        values["warning"] = warning
    if silence:
        level, summary = DiagnosticStatus.WARN, silence
    if problem:
        level, summary = DiagnosticStatus.ERROR, problem
    status = DiagnosticStatus(
        level=level,
        name=f"{node_name}: referring segmentation",
        message=summary,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
    return DiagnosticArray(header=Header(stamp=stamp), status=[status])

"""The node looks at itself once a second: what is wrong is said once, and shown while it lasts."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import LifecycleNode

from ppcr_ros.core.config import Config
from ppcr_ros.core.memory import available_bytes, rss_bytes
from ppcr_ros.core.units import size_text
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Finding, FindingLog, Level
from ppcr_ros.health.message_findings import (
    InputFacts,
    input_findings,
    shared_frame_findings,
    size_of,
)
from ppcr_ros.health.model_findings import LOADING_TELLS, look_at_models
from ppcr_ros.health.topic_findings import (
    Endpoint,
    TopicFacts,
    command_topic_findings,
    graph_findings,
    nodes_of,
    subscriber_findings,
)
from ppcr_ros.ros.diagnostics import Health, diagnostics_message
from ppcr_ros.ros.graph import ClockWatch, graph_facts, publishers_of, subscribers_of
from ppcr_ros.ros.subscriptions import CameraInputs
from ppcr_ros.service.fallback import FallbackPipeline
from ppcr_ros.service.worker import CommandWorker

_DIAGNOSTICS_QOS_DEPTH = 1
DISCOVERY_SEC = 5.0
"""Before that, that nothing was discovered yet says nothing."""
_VIEWS = ("mask", "overlay", "markers", "object_points")
_COMMAND_TYPE = "std_msgs/msg/String"


@dataclass(frozen=True)
class NodeParts:
    """Parts of the node that are there at the moment."""

    phase: str
    problem: str = ""
    inputs: Mapping[str, CameraInputs] = field(default_factory=dict)
    worker: CommandWorker | None = None
    pipeline: FallbackPipeline | None = None


class HealthMonitor:
    """Gathers findings, logs each of them once, and publishes ``/diagnostics``.

    Args:
        node: to look at the graph with, to log with and to publish with.
        command_topics: the full names of the command topics.
    """

    def __init__(self, node: LifecycleNode, command_topics: Sequence[str]) -> None:
        self._node, self._command_topics = node, command_topics
        self._log, self._lock = FindingLog(), threading.Lock()
        self._model_findings: tuple[Finding, ...] = ()
        self._started_sec, self._clock = time.monotonic(), ClockWatch(node)
        self._error: tuple[str, float] = ("", 0.0)
        self._rates: defaultdict[str, _Rates] = defaultdict(_Rates)
        self._publisher = node.create_publisher(
            DiagnosticArray, "/diagnostics", _DIAGNOSTICS_QOS_DEPTH
        )

    def look_at_models(self, config: Config) -> None:
        """Before the models of ``config`` are loaded: are they there, and is the memory enough?

        Loading tells of some of this by an error of its own; the log is left to it there.
        """
        try:
            self._model_findings = tuple(look_at_models(config))
        except Exception as error:  # noqa: BLE001 - a look must not keep the node from trying
            self._node.get_logger().warning(f"the models could not be looked at: {error!r}")
            return
        for finding in self._model_findings:
            if finding.code not in LOADING_TELLS:
                self._say(finding)

    def note_error(self, message: str) -> None:
        """Remember ``message`` as the newest error of the node."""
        self._error = (message, time.time())

    def watch(self, parts: NodeParts) -> None:
        """To be called once a second; on any thread."""
        with self._lock:
            self._watch(parts)

    def _watch(self, parts: NodeParts) -> None:
        health = self._health(parts)
        news = self._log.look((*health.node_findings, *health.camera_findings), time.monotonic())
        for finding in news.begun:
            if finding.code != kinds.MODELS_NOT_LOADED.code:  # logged when it happened
                self._say(finding)
        for finding in news.ended:
            self._node.get_logger().info(f"no longer so: {finding.what}.")
        stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(diagnostics_message(health, stamp))

    def _say(self, finding: Finding) -> None:
        logger = self._node.get_logger()
        # One call site for each level: rclpy refuses one that changes its severity.
        if finding.level is Level.ERROR:
            logger.error(finding.text)
        elif finding.level is Level.WARN:
            logger.warning(finding.text)
        else:
            logger.info(finding.text)

    def _health(self, parts: NodeParts) -> Health:
        graph = graph_facts(self._node, self._clock.stands_sec)
        discovered = time.monotonic() - self._started_sec >= DISCOVERY_SEC
        camera = graph_findings(graph) if discovered else []
        values: dict[str, str] = {}
        topics: list[str] = []
        seen: dict[str, InputFacts] = {}
        for name, inputs in parts.inputs.items():
            inputs.watch()
            seen[name] = facts = inputs.facts()
            topics += inputs.topics
            camera += input_findings(facts, graph)
            rows = _camera_values(facts, self._rates[name].update(facts))
            values |= {f"{name}: {key}" if name else key: value for key, value in rows.items()}
        camera += shared_frame_findings(seen)
        report = None if parts.worker is None else parts.worker.report()
        error, error_sec = self._error
        if report is not None and report.last_error_unix_sec > error_sec:
            error, error_sec = report.last_error, report.last_error_unix_sec
        return Health(
            node_name=self._node.get_fully_qualified_name(),
            phase=parts.phase,
            models=None if parts.pipeline is None else parts.pipeline.models,
            report=report,
            topics=topics,
            node_findings=self._node_findings(parts),
            camera_findings=camera,
            model_findings=self._of_models(loaded=parts.pipeline is not None),
            camera=values,
            model_values=_model_values(parts.pipeline),
            last_error=error,
            last_error_unix_sec=error_sec,
        )

    def _of_models(self, *, loaded: bool) -> tuple[Finding, ...]:
        """What was found of the models; of loaded ones only what loading cannot have settled."""
        lasting = (kinds.WEIGHTS_CHECKSUM.code,)
        return tuple(item for item in self._model_findings if not loaded or item.code in lasting)

    def _node_findings(self, parts: NodeParts) -> list[Finding]:
        findings = []
        pipeline = parts.pipeline
        if problem := parts.problem or ("" if pipeline is None else pipeline.problem):
            name = self._node.get_fully_qualified_name()
            findings.append(kinds.MODELS_NOT_LOADED.found("models", problem=problem, node=name))
        elif pipeline is not None and pipeline.notice:
            findings.append(kinds.FALLBACK_MODELS.found("models", detail=pipeline.notice))
        for topic in self._command_topics:
            findings += command_topic_findings(
                TopicFacts(
                    role="command",
                    topic=topic,
                    message_type=_COMMAND_TYPE,
                    reliability="RELIABLE",
                    publishers=publishers_of(self._node, topic),
                )
            )
        for name in _VIEWS:
            topic = f"{self._node.get_fully_qualified_name()}/{name}"
            subscribers = subscribers_of(self._node, topic)
            if subscribers and (offered := self._own_endpoint(topic)):
                findings += subscriber_findings(topic, offered, subscribers)
        return findings

    def _own_endpoint(self, topic: str) -> Endpoint | None:
        own = self._node.get_fully_qualified_name()
        return next((item for item in publishers_of(self._node, topic) if item.node == own), None)


class _Rates:
    """Messages a second of each topic, from one look to the next."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._looked_sec = time.monotonic()

    def update(self, facts: InputFacts) -> dict[str, float]:
        """By role, in hertz, since the last call."""
        now_sec = time.monotonic()
        passed_sec = max(now_sec - self._looked_sec, 1e-3)
        counts = {role: topic.received for role, topic in facts.topics.items()}
        # Counts begin anew with each activation.
        rates = {
            role: max(count - self._before.get(role, 0), 0) / passed_sec
            for role, count in counts.items()
        }
        self._before, self._looked_sec = counts, now_sec
        return rates


def _camera_values(facts: InputFacts, rates_hz: Mapping[str, float]) -> dict[str, str]:
    values: dict[str, str] = {}
    for role, topic in facts.topics.items():
        values[f"{role} topic"] = topic.topic
        values[f"{role} publishers"] = nodes_of(topic.publishers) or "none"
        values[f"{role} received"] = f"{topic.received}, {rates_hz.get(role, 0.0):.1f} Hz"
        newest = facts.newest.get(role)
        if newest is not None and role != "camera_info":
            kind = getattr(newest, "encoding", None) or getattr(newest, "format", "")
            values[f"{role} format"] = f"{size_of(newest)} {kind}".strip()
    image = facts.newest.get("image")
    if image is not None:
        values["frame_id"] = image.header.frame_id
    if facts.sync is not None:
        values["pairs of image and depth"] = str(facts.sync.pairs)
    return values


def _model_values(pipeline: FallbackPipeline | None) -> dict[str, str]:
    values = {"memory of the process": size_text(rss_bytes())}
    if pipeline is not None:
        placements, memory = pipeline.placements, pipeline.memory_report()
        values |= {"mllm device": placements.mllm, "segmenter device": placements.segmenter}
        values |= {} if memory is None else memory.values()
    available = available_bytes()
    if available is not None:
        values["memory available"] = size_text(available)
    return values

"""Turns the recorder of a running node on for a while, from another process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.signals import SignalHandlerOptions

from ppcr_ros.core.closing import Closing
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Status
from ppcr_ros.msg import ReferringSegmentation

WAIT_SEC = 10.0
_NAMES = ("record.folder", "record.max_megabytes", "record.only")


class NodeNotReachedError(PPCRError):
    """The node does not answer, or refuses."""


class LiveRecording(Closing):
    """A running node records while this context manager is open; then it does what it did before.

    The node writes the bags itself, on its own machine: only it has the very image that it
    searched.

    Args:
        node_name: its full name, such as ``/ppcr``.
        values: the node's ``record.*`` parameters for that while, by their full names.
        context: rclpy's, where it is not the default one.

    Raises:
        NodeNotReachedError: when the node is not there or refuses the folder.
    """

    def __init__(
        self,
        node_name: str,
        values: Mapping[str, Any],
        *,
        context: Any = None,
        wait_sec: float = WAIT_SEC,
    ) -> None:
        self._name, self._values, self._wait_sec = f"/{node_name.strip('/')}", values, wait_sec
        self._own_context = context is None
        self._context = rclpy.Context() if context is None else context
        self._before: list[Parameter] = []

    def __enter__(self) -> LiveRecording:
        if self._own_context:
            # With rclpy's own handlers Ctrl-C would shut down before the node could be told.
            rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node("ppcr_record", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        try:
            self._client = AsyncParameterClient(self._node, self._name)
            if not self._client.wait_for_services(timeout_sec=self._wait_sec):
                raise NodeNotReachedError(
                    f"no node {self._name} answers within {self._wait_sec:g} s; start it, or name "
                    "it with --node (ros2 node list shows the names)."
                )
            self._before = self._present_values()
            self._set([Parameter(name, value=value) for name, value in self._values.items()])
        except BaseException:
            self._leave()
            raise
        return self

    def close(self) -> None:
        """Have the node do what it did before, and leave it."""
        try:
            self._set(self._before)
        finally:
            self._leave()

    def follow(self, say: Callable[[str], None], count: int = 0) -> int:
        """Say each result as it comes, until interrupted or until ``count`` have come (0: never).

        Returns:
            How many came.
        """
        came: list[Any] = []
        topic = f"{self._name}/result"
        self._node.create_subscription(ReferringSegmentation, topic, came.append, 10)
        printed = 0
        while self._context.ok() and not 0 < count <= printed:
            self._executor.spin_once(timeout_sec=0.2)
            for message in came[printed:]:
                say(f"{_status(message.status):14}  {message.total_seconds:.2f} s  "
                    f"{message.command!r:.100}")  # fmt: skip
                printed += 1
        return printed

    def _present_values(self) -> list[Parameter]:
        answer = self._answer(self._client.get_parameters(list(_NAMES)))
        values = [
            Parameter.from_parameter_msg(_as_message(name, value))
            for name, value in zip(_NAMES, answer.values, strict=False)
        ]
        if len(values) < len(_NAMES) or any(
            item.type_ == Parameter.Type.NOT_SET for item in values
        ):
            raise NodeNotReachedError(
                f"{self._name} has no parameters {', '.join(_NAMES)}; expected a ppcr node of this "
                "version."
            )
        return values

    def _set(self, values: list[Parameter]) -> None:
        answer = self._answer(self._client.set_parameters_atomically(values))
        if not answer.result.successful:
            raise NodeNotReachedError(f"{self._name} refuses: {answer.result.reason}")

    def _answer(self, future: Any) -> Any:
        self._executor.spin_until_future_complete(future, timeout_sec=self._wait_sec)
        if not future.done():
            raise NodeNotReachedError(
                f"{self._name} did not answer within {self._wait_sec:g} s; it may hang."
            )
        return future.result()

    def _leave(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        if self._own_context:
            rclpy.try_shutdown(context=self._context)


def record_live(
    folder: Path, node_name: str, options: Mapping[str, Any], count: int, say: Callable[[str], None]
) -> int:
    """Have ``node_name`` record into ``folder`` until Ctrl-C, SIGTERM or ``count`` results.

    Returns:
        How many results came.

    Raises:
        NodeNotReachedError: as `LiveRecording`.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: _interrupt())
    values = {"record.folder": str(folder), **options}
    with LiveRecording(node_name, values) as live:
        say(f"{node_name} records into {folder} on its machine; Ctrl-C ends it.")
        try:
            return live.follow(say, count)
        except KeyboardInterrupt:
            return 0


def _interrupt() -> None:
    raise KeyboardInterrupt


def _as_message(name: str, value: Any) -> Any:
    from rcl_interfaces.msg import Parameter as ParameterMsg

    return ParameterMsg(name=name, value=value)


def _status(number: int) -> str:
    return Status(number).name if number in set(Status) else str(number)

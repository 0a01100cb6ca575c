"""Errors between the robot and an engine; every message names the engine's URL."""

from __future__ import annotations

from ppcr_ros.core.errors import MllmUnavailable, PPCRError


class EngineRefused(PPCRError):  # noqa: N818 - what the engine did
    """The engine answers and will not do it: a key, a model's name, a request that it refuses."""


class EngineUnreachable(MllmUnavailable):
    """No connection: the engine is down, the address is wrong, or TLS fails."""


class EngineTimeout(MllmUnavailable):
    """The engine took longer than one of the limits ``mllm.*_timeout_sec``."""


class EngineBusy(MllmUnavailable):
    """The engine is full or not ready: status 429, 502, 503 or 504.

    Attributes:
        retry_after_sec: when it may be asked again.
    """

    def __init__(self, message: str, retry_after_sec: float = 0.5) -> None:
        super().__init__(message)
        self.retry_after_sec = retry_after_sec


class EngineBroke(MllmUnavailable):
    """The engine failed, or the answer ended in its middle."""

"""The node's log, in which text from outside cannot be more than text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rclpy.impl import rcutils_logger
from rclpy.impl.rcutils_logger import RcutilsLogger

from ppcr_ros.core.outside_text import log_text

# A line of the log belongs to whoever called, which rclpy finds by leaving out the files here.
rcutils_logger._internal_callers.append(str(Path(__file__).resolve()))

_REMIND_SEC, _MOST_REMEMBERED = 60.0, 20


class CleanLogger(RcutilsLogger):
    """rclpy's logger under the same name; every message goes through `log_text`.

    A frame id, an encoding or a model's answer may hold escape sequences for the terminal, or line
    breaks with what looks like a line of the log behind them.
    """

    _warned: Mapping[str, float] = {}

    def log(self, message: str, severity: Any, **kwargs: Any) -> bool:
        return bool(super().log(log_text(str(message)), severity, **kwargs))

    def warn_once(self, message: str) -> None:
        """Warn of what may be found again at every image: once a minute."""
        now_sec = time.monotonic()
        if now_sec - self._warned.get(message, float("-inf")) > _REMIND_SEC:
            recent = list(self._warned.items())[-_MOST_REMEMBERED:]
            self._warned = {**dict(recent), message: now_sec}
            self.warning(message)

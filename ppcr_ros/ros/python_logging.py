"""Python's ``logging`` of this package and of its libraries, in the node's log."""

from __future__ import annotations

import logging
from typing import Any

_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"))


class NodeLogHandler(logging.Handler):
    """Hands records on to a node's logger, with their tracebacks.

    Args:
        node: whose logger; nothing is logged once its context has ended.
    """

    def __init__(self, node: Any) -> None:
        super().__init__(logging.WARNING)
        self._node = node
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Log ``record`` at its own level."""
        if not self._node.context.ok():
            return
        method = next((name for level, name in _LEVELS if record.levelno >= level), "debug")
        # rclpy wants each call site to keep to one severity: one method for each of them.
        getattr(self, f"_log_{method}")(self.format(record))

    def _log_error(self, text: str) -> None:
        self._node.get_logger().error(text)

    def _log_warning(self, text: str) -> None:
        self._node.get_logger().warning(text)

    def _log_info(self, text: str) -> None:
        self._node.get_logger().info(text)

    def _log_debug(self, text: str) -> None:
        self._node.get_logger().debug(text)

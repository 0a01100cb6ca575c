"""A ROS domain in which nobody else talks: a stranger's command or result would be counted."""

from __future__ import annotations

import os
import random
import time

import rclpy
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions

_LISTEN_SEC = 2.0
_ABOVE_EPHEMERAL = (231, 232)
"""Their ports lie above those that Linux gives away by itself."""
_TRIES = 20


def take_quiet_domain() -> int:
    """Set ``ROS_DOMAIN_ID`` to a domain in which no other node is seen, and return it.

    Raises:
        RuntimeError: where none is found.
    """
    rng = random.Random(os.getpid())
    candidates = [*rng.sample(_ABOVE_EPHEMERAL, 2), *rng.sample(range(1, 100), _TRIES)]
    for domain in candidates:
        if not _others(domain):
            os.environ["ROS_DOMAIN_ID"] = str(domain)
            return domain
    raise RuntimeError(f"other nodes are seen in all of the ROS domains {candidates}.")


def _others(domain: int) -> set[str]:
    """The nodes that are seen in ``domain`` beside our own."""
    name = f"ppcr_quiet_{os.getpid()}"
    context = Context()
    rclpy.init(
        args=[],
        context=context,
        domain_id=domain,
        signal_handler_options=SignalHandlerOptions.NO,
    )
    node = rclpy.create_node(name, context=context, use_global_arguments=False)
    try:
        end = time.monotonic() + _LISTEN_SEC
        while time.monotonic() < end:
            others = set(node.get_node_names()) - {name}
            if others:
                return others
            time.sleep(0.1)
        return set()
    finally:
        node.destroy_node()
        context.try_shutdown()

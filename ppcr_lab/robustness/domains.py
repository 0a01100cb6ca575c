"""A ROS domain in which nobody else talks: a stranger's command or result would be counted."""

from __future__ import annotations

import fcntl
import os
import random
import tempfile
import time
from pathlib import Path

import rclpy
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions

_LISTEN_SEC = 2.0
_ABOVE_EPHEMERAL = (231, 232)
"""Their ports lie above those that Linux gives away by itself."""
_TRIES = 20
held: dict[int, int] = {}
"""The lock files of the domains that this process has taken, as open file descriptors."""


def take_quiet_domain() -> int:
    """Set ``ROS_DOMAIN_ID`` to a domain in which no other node is seen, and return it.

    It is held until this process ends: on a busy machine another one that looks for a domain sees
    our nodes too late, or not yet, as both are still looking.

    Raises:
        RuntimeError: where none is found.
    """
    rng = random.Random(os.getpid())
    candidates = [*rng.sample(_ABOVE_EPHEMERAL, 2), *rng.sample(range(1, 100), _TRIES)]
    for domain in candidates:
        if not hold(domain):
            continue
        if not other_nodes(domain):
            os.environ["ROS_DOMAIN_ID"] = str(domain)
            return domain
        release(domain)
    raise RuntimeError(f"all of the ROS domains {candidates} are taken, or other nodes are there.")


def hold(domain: int) -> bool:
    """Whether this process now holds ``domain`` alone among this user's that ask for domains here.

    The lock is the kernel's, so that it goes with the process, however it ends; a process that
    this one starts does not have it.
    """
    if domain in held:
        return False
    path = Path(tempfile.gettempdir()) / f"ppcr_ros_domain_{os.getuid()}_{domain}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    held[domain] = lock
    return True


def release(domain: int) -> None:
    """Let others have ``domain``, which this process holds."""
    os.close(held.pop(domain))


def other_nodes(domain: int) -> set[str]:
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

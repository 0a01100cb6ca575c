"""A node and whoever talks to it, each spun by a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def spinning(context: Any, node: Any, probe: Any) -> Iterator[None]:
    """Spin both until the end, then close ``node``, destroy both and shut ``context`` down.

    Args:
        context: an rclpy context, of this pair alone.
        node: a `PpcrNode`.
        probe: a plain node.
    """
    from rclpy.executors import SingleThreadedExecutor

    stop = threading.Event()
    executors, threads = [], []

    def spin(executor: SingleThreadedExecutor) -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.05)

    try:
        for member in (node, probe):
            executor = SingleThreadedExecutor(context=context)
            executor.add_node(member)
            thread = threading.Thread(target=spin, args=(executor,), daemon=True)
            thread.start()
            executors.append(executor)
            threads.append(thread)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        node.close()
        for executor in executors:
            executor.shutdown()
        node.destroy_node()
        probe.destroy_node()
        context.try_shutdown()

"""The bond with nav2's lifecycle manager: its rules, with the other end of the package bondpy."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from rclpy.parameter import Parameter

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.ros import bond

needs_bond = pytest.mark.skipif(
    bond.Status is None, reason="needs the messages of the package bond"
)


@needs_bond
def test_the_managers_end_forms_and_breaks_without_a_timeout(bench: Any) -> None:
    bondpy = pytest.importorskip("bondpy.bondpy", reason="needs the Python package bondpy")
    node = bench.start(node__autostart=False)
    formed: list[bool] = []
    broken: list[bool] = []
    end = bondpy.Bond(
        bench.probe, "bond", "ppcr", lambda: broken.append(True), lambda: formed.append(True)
    )
    end.set_heartbeat_timeout(4.0)  # nav2's bond_timeout
    end.start()
    bench.until(lambda: formed, "the bond")
    assert broken == []
    assert node.trigger_deactivate().name == "SUCCESS"
    bench.until(lambda: broken, "the farewell")
    assert node.trigger_activate().name == "SUCCESS", "and it can be bound again"
    again = bondpy.Bond(bench.probe, "bond", "ppcr", None, lambda: formed.append(True))
    again.start()
    bench.until(lambda: len(formed) == 2, "the second bond")
    for item in (end, again):
        item.shutdown()


@needs_bond
@pytest.mark.parametrize("process_ends", [False, True])
def test_a_process_that_ends_says_no_farewell(bench: Any, process_ends: bool) -> None:
    """At a farewell nav2's manager asks the node to deactivate, and nobody would answer."""
    from ppcr_ros.ros.node import PpcrNode

    ending = CancelToken()
    bench.node = node = PpcrNode(
        pipeline_factory=bench.scripted.build,
        ending=ending,
        context=bench.context,
        parameter_overrides=[Parameter("node.autostart", value=False)],
    )
    bench.executor.add_node(node)
    assert node.start()
    bench.listen(bond.Status, "/bond")
    bench.wait("/bond", 3)
    if process_ends:
        ending.cancel("the node is shutting down.")
    node.close()
    before = bench.count("/bond")
    if process_ends:
        bench.wait("/bond", before + 3)  # it lives until the node leaves the graph
    node.destroy_node()
    threading.Event().wait(0.5)
    beats = bench.wait("/bond", bench.count("/bond"))
    assert all(beat.active for beat in beats) is process_ends


@needs_bond
def test_a_node_that_starts_itself_needs_no_bond(bench: Any) -> None:
    node = bench.start()
    assert node.count_publishers("/bond") == 0


def test_without_the_package_nothing_is_missed(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bond, "Status", None)
    node = bench.start(node__autostart=False)
    assert node.trigger_deactivate().name == "SUCCESS"

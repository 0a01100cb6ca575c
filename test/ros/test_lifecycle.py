"""The life cycle: what fails can be done again, and what is cleaned up is given back."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.exceptions import InvalidHandle

from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.memory import CudaMemory, MemoryReport, rss_bytes
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions
from ppcr_ros.ros.main import spin
from ppcr_ros.weights.location import EMBEDDED_FOLDER

RESULT = "/ppcr/result"
CYCLES = 10
MLLM = EMBEDDED_FOLDER / "mllm"

# In a process of its own, whose memory nothing else uses. The MLLM's weights are cut short at
# first, and whole from then on.
SCRIPT = """
import json, shutil, sys, weakref
from pathlib import Path
import rclpy
from rclpy.parameter import Parameter
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.memory import rss_bytes
from ppcr_ros.ros.node import PpcrNode

whole, folder, cycles = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
shutil.copytree(whole, folder)
with (folder / "model.safetensors").open("r+b") as weights:
    weights.truncate(1000)
rclpy.init()
node = PpcrNode(parameter_overrides=[Parameter("mllm.model", value=str(folder))])
report = {"broken": node.trigger_configure().name, "problem": node.problem, "cycles": []}
shutil.copy(whole / "model.safetensors", folder / "model.safetensors")
for _ in range(cycles):
    configured = node.trigger_configure().name
    pipeline = node.pipeline.loaded
    models = [
        weakref.ref(pipeline.mllm.engine.model), weakref.ref(pipeline.segmenter.network)
    ]
    memory = node.pipeline.memory_report()
    del pipeline
    report["cycles"].append({
        "configured": configured,
        "weights": memory.mllm_bytes + memory.segmenter_bytes,
        "before": rss_bytes(),
        "cleaned": node.trigger_cleanup().name,
        "after": rss_bytes(),
        "alive": sum(model() is not None for model in models),
    })
node.close()
node.destroy_node()
rclpy.try_shutdown()
print("REPORT", json.dumps(report))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script found."""
    if find_spec("torch") is None:
        pytest.skip("needs torch")
    if not (MLLM / "model.safetensors").is_file():
        pytest.skip(f"needs the embedded weights in {MLLM}")
    folder = tmp_path_factory.mktemp("models") / "mllm"
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(MLLM), str(folder), str(CYCLES)],
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    line = next(line for line in ran.stdout.splitlines() if line.startswith("REPORT "))
    found: dict[str, Any] = json.loads(line.removeprefix("REPORT "))
    found["log"] = ran.stderr
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)  # the fixture's process counts for the first of them
def test_weights_that_were_mended_load_after_a_failure(report: dict[str, Any]) -> None:
    assert report["broken"] == "FAILURE"
    assert "truncated or no safetensors file" in report["problem"]
    assert [cycle["configured"] for cycle in report["cycles"]] == ["SUCCESS"] * CYCLES
    assert [cycle["cleaned"] for cycle in report["cycles"]] == ["SUCCESS"] * CYCLES


@pytest.mark.slow
@pytest.mark.timeout(900)  # the fixture's process counts for the first of them
def test_the_log_says_what_the_models_take(report: dict[str, Any]) -> None:
    lines = [line for line in report["log"].splitlines() if "memory: weights of the MLLM" in line]
    assert len(lines) == CYCLES
    assert "the process holds" in lines[0]


@pytest.mark.slow
@pytest.mark.timeout(900)  # the fixture's process counts for the first of them
def test_cleanup_gives_the_models_memory_back(report: dict[str, Any]) -> None:
    """Most of the weights' size, as allocators keep some pages, and libraries what they loaded.

    The weights are the lower bound of what a configured node takes beyond a clean one: the first
    run's activations come on top. 0.7 of it leaves room for the pages that freed blocks share with
    others.
    """
    if not rss_bytes():
        pytest.skip("needs /proc/self/statm")
    for cycle in report["cycles"]:
        assert cycle["alive"] == 0
        assert cycle["before"] - cycle["after"] >= 0.7 * cycle["weights"], report["cycles"]


@pytest.mark.slow
@pytest.mark.timeout(900)  # the fixture's process counts for the first of them
def test_memory_does_not_grow_from_cycle_to_cycle(report: dict[str, Any]) -> None:
    """A model that stayed behind would add its weights in each cycle.

    The first cycle loads the libraries, and until the fourth the allocator's arenas fill up by
    some 20 MB each, most on a busy machine; then they are full. It gives back now more, now less:
    up to 20 MB lay between two cycles that leaked nothing. So the medians of three cycles each are
    compared, and one cycle's weights are allowed for: over three cycles, a third of such a leak.
    """
    if not rss_bytes():
        pytest.skip("needs /proc/self/statm")
    after = [cycle["after"] for cycle in report["cycles"][4:]]
    grown = median(after[3:]) - median(after[:3])
    assert grown <= report["cycles"][0]["weights"], after


def show(bench: Any) -> None:
    header = conversions.make_header(5, "camera")
    bench.show(conversions.rgb_to_image(np.zeros((48, 64, 3), np.uint8), header))


def state_of(bench: Any) -> int:
    return int(bench.ask(GetState, "/ppcr/get_state", GetState.Request()).current_state.id)


def answers(bench: Any) -> None:
    """The node, which is active, answers a command."""
    bench.listen(ReferringSegmentation, RESULT)
    show(bench)
    assert bench.answer().status == ReferringSegmentation.OK


@pytest.mark.parametrize("part", ["CameraInputs", "CommandWorker"])
def test_an_exception_in_activation_is_logged_and_can_be_outlived(
    bench: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], part: str
) -> None:
    node = bench.start(activate=False)
    assert node.trigger_configure().name == "SUCCESS"

    def broken(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError("no more file descriptors")

    with monkeypatch.context() as patch:
        patch.setattr(f"ppcr_ros.ros.node.{part}", broken)
        assert node.trigger_activate().name == "FAILURE"
    assert "no more file descriptors" in capfd.readouterr().err
    assert state_of(bench) == State.PRIMARY_STATE_INACTIVE
    assert node.worker is None
    assert node.trigger_activate().name == "SUCCESS"
    answers(bench)


def test_an_exception_in_cleanup_leaves_a_node_that_can_be_configured(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = bench.start()
    assert node.trigger_deactivate().name == "SUCCESS"
    pipeline = node.pipeline
    with monkeypatch.context() as patch:
        patch.setattr("ppcr_ros.ros.publishers.Outputs.destroy", lambda outputs: 1 / 0)
        assert node.trigger_cleanup().name == "ERROR"
    assert state_of(bench) == State.PRIMARY_STATE_UNCONFIGURED
    assert pipeline.loaded is None
    assert node.start()
    answers(bench)


def test_a_node_can_be_destroyed_twice(bench: Any) -> None:
    """From Kilted on the end of the context destroys it as well."""
    node = bench.start()
    bench.stop_spinning()
    node.close()
    for _ in range(2):
        node.destroy_node()


def test_a_destroyed_node_leaves_the_graph_at_once(bench: Any) -> None:
    """Not only when Python collects garbage, which may be never."""
    node = bench.start(arguments=["--ros-args", "-r", "__ns:=/short_lived"])
    names, own = bench.probe.get_node_names_and_namespaces, ("ppcr", "/short_lived")
    bench.until(lambda: own in names(), "the node to be seen")
    bench.stop_spinning()
    gc.disable()
    try:
        node.close()
        node.destroy_node()
        assert own not in names()
    finally:
        gc.enable()


@pytest.mark.parametrize(("error", "logged"), [(RuntimeError, True), (InvalidHandle, False)])
def test_a_publisher_that_goes_while_the_executor_waits_is_no_error(
    bench: Any, capfd: pytest.CaptureFixture[str], error: type[Exception], logged: bool
) -> None:
    """The life cycle takes it away on another thread; any other exception is told and outlived."""
    node, stop, turns = bench.start(activate=False), threading.Event(), []
    bench.stop_spinning()

    class Executor:
        def spin_once(self, timeout_sec: float) -> None:
            turns.append(timeout_sec)
            if len(turns) == 2:
                stop.set()
            raise error("destruction was requested")

    spin(node, Executor(), stop)  # type: ignore[arg-type]
    assert len(turns) == 2
    assert ("a callback failed" in capfd.readouterr().err) is logged


def test_a_node_that_was_refused_can_be_destroyed(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Any] = []

    def refuse(node: Any) -> Any:
        refused.append(node)
        raise ConfigError("mllm.family is 'gpt'")

    monkeypatch.setattr("ppcr_ros.ros.node.declare_parameters", refuse)
    with pytest.raises(ConfigError, match="gpt"):
        bench.start()
    (node,) = refused
    node.destroy_node()


def test_the_warm_up_is_over_before_the_node_is_active(bench: Any) -> None:
    node = bench.start(activate=False)
    assert node.trigger_configure().name == "SUCCESS"
    assert [frame.frame_id for frame in bench.scripted.mllm.frames] == ["warm-up"]
    assert node.trigger_activate().name == "SUCCESS"
    assert len(bench.scripted.mllm.frames) == len(bench.scripted.configs) == 1


def test_models_load_once_however_often_the_node_is_activated(bench: Any) -> None:
    node = bench.start()
    for _ in range(3):
        assert node.trigger_deactivate().name == "SUCCESS"
        assert node.trigger_activate().name == "SUCCESS"
    assert len(bench.scripted.configs) == 1
    answers(bench)


def test_diagnostics_tell_what_memory_is_taken(bench: Any) -> None:
    node = bench.start()
    cuda = CudaMemory(2_000_000, 3_000_000, 5_000_000, 8_000_000)
    report = MemoryReport(9_000_000_000, 1_000_000, 600_000_000, cuda)
    node.pipeline.loaded.memory_report = lambda: report
    bench.listen(DiagnosticArray, "/diagnostics")
    seen = bench.count("/diagnostics")
    status = bench.wait("/diagnostics", seen + 2)[-1].status[-1]
    values = {item.key: item.value for item in status.values}
    assert values["memory of the MLLM"] == "9.0 GB"
    assert values["memory of the process"] == "600.0 MB"
    assert values["GPU memory free"] == "5.0 MB"
    assert "3.0 MB of the GPU's 8.0 MB" in str(report)

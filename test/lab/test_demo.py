"""The demonstration in its own processes, with a node whose models are scripted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppcr_lab.demo.demo_report import TABLE_WIDTH
from ppcr_lab.demo.processes import ChildProcess, DemoError
from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.types import Status

TIMEOUT_SEC = 120.0
WRONG_SCENE, UNSURE_SCENE = "demo-0004", "demo-0010"

SCRIPTED_NODE = f'''
"""The real node; its pipeline knows the recorded frames and looks the answers up."""
from dataclasses import replace
import numpy as np, rclpy
from rclpy.executors import SingleThreadedExecutor
from ppcr_ros.core.command import Command
from ppcr_ros.core.types import *
from ppcr_ros.ros.main import spin
from ppcr_ros.ros.node import PpcrNode
from ppcr_lab.sim.recording import load_recording


class Scripted:
    models = ModelNames("scripted-mllm", "scripted-segmenter")
    placements = ModelNames()

    def memory_report(self):
        return None

    def __init__(self, config):
        self.scenes = load_recording().scenes

    def run(self, frame, command, on_stage=None, cancel=None, command_id="",
            point_xy_px=None):
        command = command.text if isinstance(command, Command) else command
        result = Result(Status.NOT_FOUND, command, "no such object", command_id, frame.stamp_ns,
                        frame.frame_id, seconds=StageSeconds(total=0.25), models=self.models)
        scene = next((s for s in self.scenes if np.array_equal(s.view.rgb, frame.rgb)), None)
        target = None
        if scene is not None:
            # A frame from before the scene changed has no such command: the demo must ask again.
            spoken = next((c for c in scene.commands if c.text == command), None)
            if spoken is not None and spoken.ambiguous:
                return replace(result, status=Status.AMBIGUOUS, message="several fit")
            target = None if spoken is None else spoken.target
        if target is None:
            return result
        if scene.name == "{WRONG_SCENE}":
            target = (target + 1) % len(scene.objects)
        semantic = SemanticPrompt("it is the " + scene.objects[target].text, "object")
        found = Segmentation.from_mask(scene.view.mask_of(target), 0.9)
        spatial = SpatialPrompt("box " + str(found.box_xyxy_px.tolist()), found.box_xyxy_px)
        for output in (semantic, spatial, found):
            if on_stage:
                on_stage(output)
        unsure = scene.name == "{UNSURE_SCENE}"
        return Result(Status.LOW_CONFIDENCE if unsure else Status.OK, command,
                      "unsure" if unsure else "", command_id, frame.stamp_ns, frame.frame_id,
                      semantic, spatial, found, seconds=StageSeconds(total=0.25),
                      models=self.models)

    def close(self): pass


rclpy.init()
node = PpcrNode(pipeline_factory=Scripted)
executor = SingleThreadedExecutor()
executor.add_node(node)
assert node.start()
spin(node, executor)
node.close()
'''
DEAF_NODE = "import os, signal; print('pid', os.getpid(), flush=True); signal.pause()"


@pytest.fixture
def needs_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed: source a ROS 2 distribution")
    pytest.importorskip("ppcr_ros.msg", reason="the messages of ppcr_ros are not built")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


@pytest.fixture
def scripted_node(tmp_path: Path, needs_ros: None) -> list[str]:
    path = tmp_path / "scripted_node.py"
    path.write_text(SCRIPTED_NODE)
    return [sys.executable, str(path)]


def running_in(folder: Path) -> list[str]:
    """The processes that work in ``folder``, as Linux tells it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is another user's
            if (process / "cwd").readlink() == folder:
                found.append(process.name)
    return found


def pid_in(log_file: Path) -> int:
    return int(log_file.read_text().split()[1])


def is_running(pid: int) -> bool:
    """Whether the process lives; one that is dead and not yet reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


# -- the whole of it, over ROS ------------------------------------------------------------------


def test_every_command_is_answered_and_judged(
    scripted_node: list[str], tmp_path: Path, take_domain: Callable[[], int]
) -> None:
    from ppcr_lab.demo.app import DemoOptions, run_demo

    said: list[str] = []
    options = DemoOptions(
        picture=tmp_path / "demo.png",
        ready_timeout_sec=TIMEOUT_SEC,
        command_timeout_sec=TIMEOUT_SEC,
        domain_id=take_domain(),
        node_command=scripted_node,
    )
    outcomes = run_demo(options, said.append)
    scenes = load_recording().scenes
    spoken = [(scene, command) for scene in scenes for command in scene.commands]
    assert [item.command for item in outcomes] == [command.text for _, command in spoken]
    for (scene, command), item in zip(spoken, outcomes, strict=True):
        np.testing.assert_array_equal(item.rgb, scene.view.rgb)
        absent = command.target is None
        if scene.name == WRONG_SCENE:
            assert (item.status, item.iou, item.right) == (Status.OK, 0.0, False)
            continue
        assert item.right, scene.name
        expected = {UNSURE_SCENE: Status.LOW_CONFIDENCE}.get(scene.name, Status.OK)
        if absent:
            expected = Status.AMBIGUOUS if command.ambiguous else Status.NOT_FOUND
        assert item.status is expected
        assert item.iou == (None if absent else 1.0)
        assert item.semantic_text.startswith("" if absent else "it is the ")
        assert item.spatial_text.startswith("" if absent else "box [")
        assert item.seconds == 0.25
    assert len(said) == 1 + len(spoken)


def test_command_line_prints_the_table_and_draws_the_picture(
    scripted_node: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ppcr_lab.demo.app import main

    monkeypatch.setenv("ROS_DOMAIN_ID", "0")  # put back afterwards
    picture = tmp_path / "new" / "sheet.png"
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["--out", str(picture)], node_command=scripted_node) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= TABLE_WIDTH
    assert lines[-2].startswith("11 of 12 right")
    assert "make web" in lines[-1]
    assert any("NOT_FOUND" in line and "absent" in line for line in lines)
    with Image.open(picture) as image:
        assert min(image.size) > 1000


def test_a_node_that_ends_shows_the_end_of_its_log(
    needs_ros: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    take_domain: Callable[[], int],
) -> None:
    from ppcr_lab.demo.app import DemoOptions, run_demo

    broken = [sys.executable, "-c", "print('loading'); raise SystemExit('no weights here')"]
    options = DemoOptions(
        picture=tmp_path / "demo.png", domain_id=take_domain(), node_command=broken
    )
    with pytest.raises(DemoError, match=r"(?s)node ended with status 1.*no weights here"):
        run_demo(options)


def test_a_node_that_does_not_listen_is_named_and_ended(
    needs_ros: None, tmp_path: Path, take_domain: Callable[[], int]
) -> None:
    from ppcr_lab.demo.app import DemoOptions, run_demo

    options = DemoOptions(
        picture=tmp_path / "demo.png",
        ready_timeout_sec=6.0,
        domain_id=take_domain(),
        node_command=[sys.executable, "-c", DEAF_NODE],
    )
    with pytest.raises(DemoError, match=r"(?s)not ready after 6 s: .*/ppcr/command.*node\.log"):
        run_demo(options)
    assert not is_running(pid_in(tmp_path / "demo_logs" / "node.log"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demonstration_leaves_nothing_behind(
    needs_ros: None, tmp_path: Path, number: signal.Signals
) -> None:
    code = (
        "import sys; from ppcr_lab.demo.app import main\n"
        f"sys.exit(main(['--out', {str(tmp_path / 'x.png')!r}],"
        f" [sys.executable, '-c', {DEAF_NODE!r}]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "waiting" in process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=TIMEOUT_SEC)
    assert process.returncode == 130, errors
    assert errors.strip().endswith("interrupted")
    assert running_in(tmp_path) == []  # the node's log may hold no pid: it may have just begun


def test_missing_recording_and_config_are_named(
    needs_ros: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ppcr_lab.demo.app import main

    monkeypatch.setenv("ROS_DOMAIN_ID", "0")  # put back afterwards
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert main(["--recording", str(tmp_path), "--out", str(tmp_path / "x.png")]) == 1
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert "recording.json" in capsys.readouterr().err


# -- processes ----------------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], ChildProcess]:
    def start(code: str) -> ChildProcess:
        return ChildProcess(
            "child",
            [sys.executable, "-u", "-c", code],
            log_file=tmp_path / "child.log",
            environment=os.environ,
            folder=tmp_path,
        )

    return start


def wait_for_line(child: ChildProcess) -> None:
    while "\n" not in child.log_file.read_text():
        child.check()


def test_stopping_ends_the_children_of_a_child(start: Callable[[str], ChildProcess]) -> None:
    code = (
        "import subprocess, sys, signal\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print('pid', child.pid); signal.pause()"
    )
    with start(code) as child:
        wait_for_line(child)
        grandchild = pid_in(child.log_file)
    assert child.exit_status is not None
    deadline = time.monotonic() + TIMEOUT_SEC
    while is_running(grandchild):  # a kill takes effect a moment later
        assert time.monotonic() < deadline, "the grandchild outlived its group"


def test_a_child_that_ignores_the_interrupt_is_terminated(
    start: Callable[[str], ChildProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppcr_lab.demo.processes.GRACE_SEC", 0.2)
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf')\n"
        "while True: signal.pause()"
    )
    with start(code) as child:
        wait_for_line(child)
    assert child.exit_status == -signal.SIGKILL


def test_check_passes_while_it_runs_and_tells_why_it_ended(
    start: Callable[[str], ChildProcess],
) -> None:
    with start("import signal; print('up'); signal.pause()") as child:
        wait_for_line(child)
        child.check()
        assert child.log_tail() == "up"
    with pytest.raises(DemoError, match="child ended with status"):
        child.check()


def test_log_tail_is_short_and_says_when_empty(start: Callable[[str], ChildProcess]) -> None:
    with start("pass") as child:
        assert child.log_tail() == "(it wrote nothing)"
    child.log_file.write_text("".join(f"line {number}\n" for number in range(100)))
    assert child.log_tail(3) == "line 97\nline 98\nline 99"

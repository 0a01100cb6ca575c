"""Starts camera and node, speaks the recording's commands, prints a table and draws a picture."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ppcr_lab.demo.demo_report import DemoOutcome, draw_sheet, format_table, summary
from ppcr_lab.demo.processes import ChildProcess, DemoError
from ppcr_lab.isolation import local_environment, own_domain
from ppcr_lab.sim.recording import RecordedScene, RecordedView, SpokenCommand, load_recording
from ppcr_lab.sim.view_sources import Views, open_views
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Array, Status

if TYPE_CHECKING:
    from ppcr_lab.demo.demo_client import DemoClient, Reply

NODE_COMMAND = (sys.executable, "-m", "ppcr_ros.ros.main")
CAMERA_COMMAND = (sys.executable, "-m", "ppcr_lab.sim.camera_node")
PAGE_ADDRESS = "http://localhost:8080"
_CAMERA_RATE_HZ = 5.0
_INTERRUPTED = 130


@dataclass(frozen=True)
class DemoOptions:
    """Options of the demonstration: what to show and how long to wait.

    Attributes:
        picture: where the contact sheet is written, as PNG; the logs lie beside it.
        live: render with MuJoCo instead of showing the recorded frames.
        config: the node's parameter file; the embedded models where None.
        recording: folder of the recording; the shipped one where None.
        ready_timeout_sec: until the models are loaded and everything is connected.
        command_timeout_sec: until the result of one command.
        domain_id: the ROS domain of all three processes.
        node_command: program and arguments that start the node ``ppcr``.
    """

    picture: Path = Path("build/demo.png")
    live: bool = False
    config: Path | None = None
    recording: Path | None = None
    ready_timeout_sec: float = 300.0
    command_timeout_sec: float = 120.0
    domain_id: int = field(default_factory=own_domain)
    node_command: Sequence[str] = NODE_COMMAND


def run_demo(options: DemoOptions, say: Callable[[str], None] = print) -> list[DemoOutcome]:
    """Run the demonstration and return what came of each command.

    Raises:
        DemoError: when a process ended or an answer did not come; with the end of its log.
        PPCRError: when the recording cannot be read.
        RuntimeError: when live views are asked for and MuJoCo or OpenGL is missing.
    """
    from ppcr_lab.demo.demo_client import DemoClient

    recording = load_recording(options.recording)
    folder = options.picture.resolve().parent / "demo_logs"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **local_environment(options.domain_id), "PYTHONUNBUFFERED": "1"}
    with ExitStack() as stack:
        views = open_views(recording, live=options.live)
        stack.callback(views.close)
        children: list[ChildProcess] = []
        for name, command in _commands(options).items():
            child = ChildProcess(
                name,
                command,
                log_file=folder / f"{name}.log",
                environment=environment,
                folder=folder,
            )
            children.append(stack.enter_context(child))
        client = stack.enter_context(DemoClient(options.domain_id, lambda: _check_all(children)))
        say("waiting for the camera and for the node, which loads its models ...")
        try:
            client.wait_until_ready(options.ready_timeout_sec)
            return _ask_all(recording.scenes, views, client, options.command_timeout_sec, say)
        except DemoError as error:
            if any(child.exit_status is not None for child in children):
                raise
            tails = "\n".join(f"--- {child.log_file}\n{child.log_tail()}" for child in children)
            raise DemoError(f"{error}\n{tails}") from error


def _commands(options: DemoOptions) -> dict[str, list[str]]:
    """What starts the camera and the node, by the names of their logs."""
    camera = [*CAMERA_COMMAND, "--ros-args", "-p", f"rate_hz:={_CAMERA_RATE_HZ}"]
    # On a busy machine best effort loses most images: they travel in many fragments.
    camera += ["-p", "reliability:=reliable"]
    if options.live:
        camera += ["-p", "live:=true"]
    if options.recording is not None:
        camera += ["-p", f"recording:={options.recording.resolve()}"]
    node = [*options.node_command, "--ros-args", "-r", "image:=/camera/image_raw"]
    node += ["-r", "depth:=/camera/depth/image_raw", "-r", "camera_info:=/camera/camera_info"]
    if options.config is not None:
        node += ["--params-file", str(options.config.resolve())]
    return {"camera": camera, "node": node}


def _check_all(children: Sequence[ChildProcess]) -> None:
    for child in children:
        child.check()


def _ask_all(
    scenes: Sequence[RecordedScene],
    views: Views,
    client: DemoClient,
    timeout_sec: float,
    say: Callable[[str], None],
) -> list[DemoOutcome]:
    total = sum(len(scene.commands) for scene in scenes)
    outcomes: list[DemoOutcome] = []
    for number, scene in enumerate(scenes):
        for command in scene.commands:
            reply = client.ask(number, scene.name, command.text, timeout_sec)
            outcome = judged(command, reply, views.view(number, reply.stamp_ns))
            outcomes.append(outcome)
            say(
                f"[{len(outcomes):2d}/{total}] {outcome.status.name:14} {outcome.seconds:6.2f} s  "
                f"{command.text}"
            )
    return outcomes


def judged(command: SpokenCommand, reply: Reply, view: RecordedView) -> DemoOutcome:
    """The reply beside what the image truly showed."""
    result = reply.result
    box = np.asarray(reply.spatial.box_xyxy_px, np.float32)
    return DemoOutcome(
        command=command.text,
        status=Status(result.status),
        message=result.message,
        semantic_text=reply.semantic.text.strip(),
        spatial_text=reply.spatial.text.strip(),
        score=result.score,
        seconds=result.total_seconds,
        rgb=view.rgb,
        mask=_mask_of(reply, view),
        box_xyxy_px=box if box[2] > box[0] and box[3] > box[1] else None,
        truth=None if command.target is None else view.mask_of(command.target),
        ambiguous=command.ambiguous,
    )


def _mask_of(reply: Reply, view: RecordedView) -> Array | None:
    image = reply.result.mask
    if not image.width:
        return None
    shape = view.rgb.shape[:2]
    if (image.height, image.width) != shape or image.encoding != "mono8":
        raise DemoError(
            f"the result's mask is {image.width}x{image.height} {image.encoding}; expected "
            f"{shape[1]}x{shape[0]} mono8, as large as the camera's image."
        )
    rows = np.frombuffer(bytes(image.data), np.uint8).reshape(image.height, image.step)
    mask: Array = rows[:, : image.width] > 0
    return mask


def main(arguments: Sequence[str] | None = None, node_command: Sequence[str] = NODE_COMMAND) -> int:
    """The command line; returns 0 when every command got an answer, right or not."""
    options = replace(_parse(arguments), node_command=node_command)
    signal.signal(signal.SIGTERM, _interrupt)
    os.environ.update(local_environment(options.domain_id))
    try:
        outcomes = run_demo(options)
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        title = "ppcr_ros: what was said, what was understood, where it is"
        Image.fromarray(draw_sheet(outcomes, title)).save(options.picture)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except ImportError as error:
        print(
            f"error: {error}. The demonstration runs over ROS 2 and the messages of this package: "
            "run it with 'make demo', or source the workspace first.",
            file=sys.stderr,
        )
        return 1
    except (PPCRError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\n{format_table(outcomes)}\n\npicture: {options.picture}\n{summary(outcomes)}")
    print(f"to speak to it yourself: make web, and then {PAGE_ADDRESS} in a browser")
    return 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _parse(arguments: Sequence[str] | None) -> DemoOptions:
    defaults = DemoOptions()
    parser = argparse.ArgumentParser(
        prog="python -m ppcr_lab.demo",
        description="Camera, node and spoken commands, each in a process of its own, over ROS 2.",
    )
    parser.add_argument("--live", action="store_true", help="render with MuJoCo (needs OpenGL)")
    parser.add_argument("--out", type=Path, default=defaults.picture, help="the picture (PNG)")
    parser.add_argument("--config", type=Path, help="the node's parameter file")
    parser.add_argument("--recording", type=Path, help="folder of other recorded frames")
    parser.add_argument(
        "--ready-timeout-sec", type=float, default=defaults.ready_timeout_sec, metavar="SEC"
    )
    parser.add_argument(
        "--command-timeout-sec", type=float, default=defaults.command_timeout_sec, metavar="SEC"
    )
    values = parser.parse_args(arguments)
    return DemoOptions(
        picture=values.out,
        live=values.live,
        config=values.config,
        recording=values.recording,
        ready_timeout_sec=values.ready_timeout_sec,
        command_timeout_sec=values.command_timeout_sec,
    )

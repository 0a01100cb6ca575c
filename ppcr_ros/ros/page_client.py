"""The page as a client of the node: its topics and its action, like any other client's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.action import ActionClient
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image

from ppcr_ros.action import SegmentReferring
from ppcr_ros.camera.frames import image_to_frame, stamp_to_ns
from ppcr_ros.camera.intrinsics import geometry_of, image_intrinsics
from ppcr_ros.camera.topics import CAMERA_INFO_TYPE, image_choices
from ppcr_ros.core.camera_config import AUTO
from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.closing import Closing
from ppcr_ros.core.command import is_stop
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array, Result, Status
from ppcr_ros.msg import ReferringSegmentation, SemanticPrompt, SpatialPrompt
from ppcr_ros.replay.messages import semantic_of, spatial_of
from ppcr_ros.ros.conversions import make_header, rgb_to_image
from ppcr_ros.ros.page_results import shown_result
from ppcr_ros.ros.qos import ANSWER_QOS
from ppcr_ros.ros.subscriptions import CameraSubscription
from ppcr_ros.web.board import Notice, PageBoard
from ppcr_ros.web.pictures import Shot

LOOK_SEC = 0.25
_EVERY_LOOKS = 4
"""Publishers are looked for once a second."""


class NodeSource(Closing):
    """A `ppcr_ros.web.source.Source` of a running node.

    Pictures are subscribed to only while somebody looks at the page.

    Args:
        node: the page's own ROS node, which somebody spins; its topics ``image``,
            ``image/compressed`` and ``camera_info`` are remapped to those of the node that is
            asked.
        node_name: the node that is asked, such as ``ppcr`` or ``/left/ppcr``.
        camera: one of ``node.cameras``; empty for the only one, or the first.
    """

    has_more_pictures = False

    def __init__(self, node: Node, node_name: str = "ppcr", camera: str = "") -> None:
        self._node, self._camera = node, camera
        probe = node.resolve_topic_name(node_name)
        self._name = str(probe)
        self.title = f"{self._name}, camera {camera}" if camera else self._name
        self._board: PageBoard | None = None
        self._watched = False
        self._image: CameraSubscription | None = None
        self._looks = 0
        # rclpy's action client drops an answer that comes while another thread still sends.
        self._goals: deque[tuple[SegmentReferring.Goal, int]] = deque()
        self._waiting = node.create_guard_condition(self._send_goals)
        self._client = ActionClient(node, SegmentReferring, self._own("~/segment"))
        self._info = CameraSubscription(
            node,
            [(str(node.resolve_topic_name(camera_topic(camera, "camera_info"))), CAMERA_INFO_TYPE)],
            name="camera_info",
            role="camera_info",
            setting="auto",
            latched=True,
        )

    def start(self, board: PageBoard) -> None:
        """Subscribe to what the node says; on any thread, before the node is spun or after."""
        self._board = board
        board.set(title=self.title, problem=self._missing())
        listen = self._node.create_subscription
        result_topic = f"{self._name}/result"
        listen(ReferringSegmentation, result_topic, self._on_result, ANSWER_QOS)
        listen(
            SemanticPrompt,
            f"{self._name}/semantic_prompt",
            partial(self._on_prompt, semantic_of),
            10,
        )
        listen(
            SpatialPrompt, f"{self._name}/spatial_prompt", partial(self._on_prompt, spatial_of), 10
        )
        listen(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._info.begin()
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # use_sim_time may stand still
        self._node.create_timer(LOOK_SEC, self._look, clock=steady)

    def watch(self, watched: bool) -> None:
        self._watched = watched  # the timer sees to it, on the executor's thread

    def submit(self, command: str, point_xy_px: tuple[float, float] | None = None) -> None:
        board = self._board
        if board is None:
            return
        if not self._client.server_is_ready():
            board.refuse_run(self._missing())
            return
        run = board.start_run(command)
        goal = SegmentReferring.Goal(command=command, point_xy_px=list(point_xy_px or ()))
        held = self._held_image()
        if held is not None:
            goal.image = held
        self._send(goal, run.own)

    def stop(self) -> None:
        board = self._board
        if board is None or not self._client.server_is_ready():
            return
        self._send(SegmentReferring.Goal(command="stop"))

    def pause(self, paused: bool) -> None:
        if self._board is not None:
            self._board.set(paused=paused)

    def next_picture(self) -> None:
        """The camera shows what it shows."""

    def close(self) -> None:
        """Nothing is held but the node, which is its maker's."""

    def _send(self, goal: SegmentReferring.Goal, own: int = 0) -> None:
        """Have the executor's thread send ``goal``, for the board's run ``own``."""
        self._goals.append((goal, own))
        self._waiting.trigger()

    def _send_goals(self) -> None:
        while self._goals:
            goal, own = self._goals.popleft()
            sent = self._client.send_goal_async(
                goal, feedback_callback=partial(self._on_feedback, own)
            )
            sent.add_done_callback(self._on_accepted)

    def _own(self, topic: str) -> str:
        """A topic or action of the node that is asked, for the camera that is shown."""
        return f"{self._name}/{camera_topic(self._camera, topic).removeprefix('~/')}"

    def _missing(self) -> str:
        """Why nothing can be asked; empty where it can."""
        if self._client.server_is_ready():
            return ""
        return (
            f"The node {self._name} is not there, or not yet: start it (ros2 launch ppcr_ros "
            "ppcr.launch.py), or give the page another name (ros2 node list)."
        )

    def _look(self) -> None:
        """See to what has changed: who looks, what is published, whether the node is there."""
        board = self._board
        if board is None:
            return
        if self._watched and self._image is None:
            self._image = self._subscribed()
        elif not self._watched and self._image is not None:
            self._image.destroy()
            self._image = None
        self._looks += 1
        if self._looks % _EVERY_LOOKS:
            return
        self._info.follow_publishers()
        if self._image is not None:
            self._image.follow_publishers()
        problem = self._missing()
        if problem != board.view.problem:
            board.set(problem=problem, **({"findings": ()} if problem else {}))

    def _subscribed(self) -> CameraSubscription:
        resolve = self._node.resolve_topic_name
        packed = camera_topic(self._camera, "image/compressed")
        compressed, unmapped = str(resolve(packed)), str(resolve(packed, only_expand=True))
        choices = image_choices(
            str(resolve(camera_topic(self._camera, "image"))),
            "" if compressed == unmapped else compressed,
            prefer_compressed=False,
        )
        image = CameraSubscription(self._node, choices, name="image", role="image", setting="auto")
        image.output.registerCallback(self._on_image)
        image.begin()
        return image

    def _on_image(self, message: Any) -> None:
        board = self._board
        if board is None:
            return
        packed = getattr(message, "format", "").lower()
        jpeg = bytes(message.data) if "jpeg" in packed or "jpg" in packed else b""
        board.offer(
            Shot(
                rgb=lambda: image_to_frame(message).rgb,
                stamp_ns=stamp_to_ns(message.header.stamp),
                frame_id=message.header.frame_id,
                jpeg=jpeg,
                came_sec=time.monotonic(),
            )
        )

    def _held_image(self) -> Image | None:
        """The picture that is held, as an image of the goal's own; None where none is."""
        view = None if self._board is None else self._board.view
        if view is None or not view.paused or view.picture is None:
            return None
        shot = view.picture.shot
        return rgb_to_image(shot.rgb(), make_header(shot.stamp_ns, shot.frame_id))

    def _on_accepted(self, future: Any) -> None:
        board, handle = self._board, future.result()
        if board is None:
            return
        if handle is None or not handle.accepted:
            board.refuse_run(
                f"{self._name} refused: it is not active yet, or too much waits. Its log and the "
                "findings say more."
            )
            return
        handle.get_result_async().add_done_callback(self._on_ended)

    def _on_ended(self, future: Any) -> None:
        board, ended = self._board, future.result()
        if board is None:
            return
        if ended is None or ended.status == GoalStatus.STATUS_UNKNOWN:
            board.refuse_run(f"{self._name} does not know the command any more: say it again.")
            return
        self._on_result(ended.result.result)

    def _on_feedback(self, own: int, message: Any) -> None:
        feedback = message.feedback
        if feedback.stage == "semantic":
            self._on_prompt(semantic_of, feedback.semantic_prompt, own=own)
        elif feedback.stage == "spatial":
            self._on_prompt(spatial_of, feedback.spatial_prompt, own=own)

    def _on_prompt(self, read: Callable[[Any], Any], message: Any, own: int = 0) -> None:
        output = read(message)
        if self._board is not None and output is not None:
            self._board.stage(output, message.command_id, own=own)

    def _on_result(self, message: Any) -> None:
        if self._board is None or message.status == ReferringSegmentation.UNKNOWN:
            return
        result = shown_result(message)
        if result.status is Status.CANCELLED and is_stop(result.command):
            result = replace(result, cleared=True)
        self._board.add_result(result, self._matrix(result))

    def _matrix(self, result: Result) -> Array | None:
        """What the grasp is drawn by; None where nobody knows."""
        info, found = self._info.newest, result.segmentation
        if info is None or found is None:
            return None
        height, width = found.mask.shape
        topic = "" if self._image is None else self._image.topic
        try:
            intrinsics = image_intrinsics(
                info, width_px=width, height_px=height, geometry=geometry_of(AUTO, topic)
            )
        except InvalidFrameError:
            return None
        return None if intrinsics is None else intrinsics.camera_matrix

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        wanted = f"{self._name}: referring segmentation"
        for status in message.status:
            if status.name == wanted and self._board is not None:
                self._board.set(findings=_findings(status))


def _findings(status: DiagnosticStatus) -> tuple[Notice, ...]:
    """The findings among the values of the node's diagnostics, the worst ones first."""
    found = []
    for item in status.values:
        name, _, level = item.key.partition(" (")
        if name.startswith("finding "):
            found.append(Notice(level.rstrip(")"), item.value))
    if not found and status.level != DiagnosticStatus.OK:
        found.append(Notice("WARN", status.message))
    return tuple(found)

"""The node ``ppcr``: an image and a spoken command in, the object's mask and the reasoning out."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import String

from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import Cancelled, ConfigError, PPCRError
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.misplaced_options import without_effect
from ppcr_ros.ros.action_server import SegmentServer
from ppcr_ros.ros.bond import ManagerBond
from ppcr_ros.ros.clicked_points import ClickedPoints
from ppcr_ros.ros.decision_recording import DecisionRecorder
from ppcr_ros.ros.find_service import FindService
from ppcr_ros.ros.health import HealthMonitor, NodeParts
from ppcr_ros.ros.life_cycle import answer_impossible_transitions
from ppcr_ros.ros.log import CleanLogger
from ppcr_ros.ros.parameters import (
    FLOAT_NAMES,
    declare_parameters,
    fixed_change,
    updated,
    widened,
)
from ppcr_ros.ros.publishers import Outputs
from ppcr_ros.ros.python_logging import NodeLogHandler
from ppcr_ros.ros.qos import COMMAND_QOS
from ppcr_ros.ros.refusals import Refusals
from ppcr_ros.ros.subscriptions import CameraInputs
from ppcr_ros.service.fallback import FallbackPipeline
from ppcr_ros.service.warm_up import PipelineFactory, build_models, release_memory
from ppcr_ros.service.worker import CommandWorker

T = TypeVar("T")


class PpcrNode(LifecycleNode):
    """A life-cycle node: configure loads the models, activate listens, cleanup frees the models.

    Callbacks only stash; a `CommandWorker` converts images and runs the pipeline on its own thread.

    Args:
        pipeline_factory: makes the pipeline of a configuration.
        ending: raised where the process is to end: loading ends at its next step, and the node does
            not become active any more.
        options: handed to rclpy's node, such as ``parameter_overrides`` and ``context``.

    Raises:
        ConfigError: when a parameter is misspelt or its value unacceptable.
    """

    segment_servers: tuple[SegmentServer, ...] = ()
    """The action's servers: the one that names no camera first."""
    loading_thread: threading.Thread | None = None
    """Where the models are being loaded; None while they are not."""

    def __init__(
        self,
        *,
        pipeline_factory: PipelineFactory = build_models,
        ending: CancelToken | None = None,
        **options: Any,
    ) -> None:
        super().__init__("ppcr", **options)
        answer_impossible_transitions(self)
        self._ending = ending or CancelToken()
        self._factory = pipeline_factory
        self._log_handler, self._bond = NodeLogHandler(self), ManagerBond(self)
        self._live = LiveConfig(declare_parameters(self))
        self.phase, self.problem = "unconfigured", ""
        """Where in its life cycle the node is, in words, and why it could not be configured."""
        self.pipeline: FallbackPipeline | None = None
        """The models; None while the node is not configured."""
        self._outputs: Outputs | None = None
        self.worker: CommandWorker | None = None
        """What carries out commands; None while the node is not active."""
        self.cameras: dict[str, CameraInputs] = {}
        """What each camera's topics bring, by the camera's name; empty while not active."""
        self.recorder = DecisionRecorder(self)
        if hasattr(self, "add_pre_set_parameters_callback"):  # not in Humble
            self.add_pre_set_parameters_callback(partial(widened, float_names=FLOAT_NAMES))
        self.add_on_set_parameters_callback(self._on_parameters)
        named = tuple(name for name in self.config.node.camera_names if name)
        self._commands = [self._subscribe_commands(name) for name in ("", *named)]
        self.segment_servers = tuple(
            self._make_server(SegmentServer, name) for name in ("", *named)
        )
        self._finders = [self._make_server(FindService, name) for name in ("", *named)]
        self._points = ClickedPoints(
            self, self.config.dialog.point_topic, lambda: self.worker, named[0] if named else ""
        )
        self._health = HealthMonitor(self, [command.topic_name for command in self._commands])
        self._refusals = Refusals(self)
        # A steady clock: with use_sim_time and no /clock, the warnings are needed most.
        self._watch = self.create_timer(
            1.0, self._on_watch, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        # Last: a handler that is registered keeps the node, also one that could not be made.
        logging.getLogger().addHandler(self._log_handler)

    def _subscribe_commands(self, camera: str) -> Any:
        """The subscription to the commands for one camera, or to those that name none."""
        return self.create_subscription(
            String,
            camera_topic(camera, "~/command"),
            partial(self.on_command, camera),
            COMMAND_QOS,
        )

    def _make_server(self, server: Callable[..., T], camera: str) -> T:
        return server(
            self,
            lambda: self.worker,
            self._explain_refusal,
            lambda: self.config.node.max_image_pixels,
            camera,
        )

    def get_logger(self) -> CleanLogger:
        """The node's log; text from outside is made harmless there."""
        logger = self.__dict__.get("_clean_logger")
        if logger is None:
            logger = self._clean_logger = CleanLogger(super().get_logger().name)
        return logger

    @property
    def config(self) -> Config:
        """The options that are in force."""
        return self._live.current

    @property
    def autostart(self) -> bool:
        """Whether the node configures and activates itself."""
        return self.config.node.autostart

    def start(self) -> bool:
        """Configure and activate; False where one of them failed, which the log explains."""
        success = TransitionCallbackReturn.SUCCESS
        return bool(self.trigger_configure() == success and self.trigger_activate() == success)

    def close(self) -> None:
        """Stop the worker and free the models, in whatever state the node is."""
        self._quiet("the node is shutting down.")
        self._free()

    def finish(self, executor: Executor) -> None:
        """After `close`: end the action's goals, where nobody spins ``executor`` any more."""
        for segment in self.segment_servers:
            segment.finish(executor)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.phase, self.problem = "configuring: loading the models", ""
        self.loading_thread = threading.current_thread()
        try:
            loaded = self._load()
        finally:
            self.loading_thread = None
        if not loaded:
            self.phase = "unconfigured"
            release_memory()  # not before: the exception kept what was loaded of the models
            return TransitionCallbackReturn.FAILURE
        self.phase = "inactive"
        return super().on_configure(state)

    def _load(self) -> bool:
        self._on_watch()  # a manager's call blocks the timer until the models are loaded
        self._health.look_at_models(self._live.current)
        try:
            self.pipeline = FallbackPipeline(
                self._factory, self._live, self.get_logger(), self._ending
            )
            self._outputs = Outputs(self, self._live, on_message=self.recorder.keep_message)
            self.recorder.start(self._live.current)
        except Cancelled as error:
            self.get_logger().info(f"the models are not loaded: {error}")
            self._free()
            return False
        except Exception as error:  # noqa: BLE001 - a model's library may raise anything
            self.problem = str(error) if isinstance(error, PPCRError) else repr(error)
            self._health.note_error(self.problem)
            self.get_logger().error(f"the models cannot be loaded: {self.problem}")
            self.get_logger().debug(traceback.format_exc())
            self._free()
            return False
        return True

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self._ending.cancelled:
            return TransitionCallbackReturn.FAILURE
        try:
            code = super().on_activate(state)
            self._listen()
        except Exception:  # noqa: BLE001 - rclpy would swallow it
            self.get_logger().error(f"cannot be activated: {traceback.format_exc()}")
            self._quiet("the node could not be activated.")
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        return code

    def _listen(self) -> None:
        if self.pipeline is None or self._outputs is None:
            raise PPCRError("there are no models; configure the node first.")
        worker = CommandWorker(
            self.pipeline,
            self._live,
            self._outputs,
            explain_no_frame=self._explain_no_frame,
            on_exception=self._on_exception,
            after_result=self.pipeline.after_result,
            on_decision=self.recorder.record,
        )
        for name in self.config.node.camera_names:
            inputs = CameraInputs(self, self.config, worker.offer, name, self._outputs.begin_anew)
            self.cameras = {**self.cameras, name: inputs}  # another thread may look at them
        worker.start()
        self.worker, self.phase = worker, "active"
        if not self.autostart:
            self._bond.start()
        self._refusals.close()
        commands = ", ".join(item.topic_name for item in self._commands)
        images = ", ".join(topic for item in self.cameras.values() for topic in item.topics)
        self.get_logger().info(f"active: say what you mean on {commands}; listening to {images}.")

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._quiet("the node was deactivated.")
        self._refusals.open()
        self.phase = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._free()
        self.phase = "unconfigured"
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.close()
        self._refusals.open()
        self.phase = "finalized: it was shut down"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give everything back, so that the node can be configured again."""
        self.get_logger().error("a transition failed: configure the node again.")
        self.close()
        self._refusals.open()
        self.phase = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Take the node and what it serves away; again, or half built, it does no harm.

        From Kilted on the end of the context calls it as well, whatever became of the node.
        """
        logging.getLogger().removeHandler(self._log_handler)
        self._bond.stop(farewell=False)
        segments, self.segment_servers = self.segment_servers, ()
        for segment in segments:
            segment.destroy()
        super().destroy_node()
        # It keeps a ghost of the node in the graph until Python collects garbage.
        machine = self.__dict__.pop("_state_machine", None)
        if machine is not None:
            machine.destroy_when_not_in_use()

    def _quiet(self, reason: str) -> None:
        if not self._ending.cancelled:  # else it beats until the node leaves
            self._bond.stop()
        inputs, worker = self.cameras, self.worker
        self.cameras, self.worker = {}, None
        for item in inputs.values():
            item.destroy()
        if worker is not None:
            worker.close(reason)

    def _free(self) -> None:
        outputs, pipeline = self._outputs, self.pipeline
        self._outputs = self.pipeline = None
        if pipeline is not None:
            pipeline.close()
        if outputs is not None:
            outputs.destroy()
        self.recorder.close()

    def on_command(self, camera: str, message: String) -> None:
        """Take a command for ``camera``, or one that names none; while not active, refuse it."""
        worker = self.worker
        if worker is None:
            phase = f"{self.phase}: {self.problem}" if self.problem else self.phase
            limit = self.config.pipeline.max_command_chars
            self._refusals.answer(message.data, phase, max_chars=limit)
            return
        worker.submit(message.data, camera=camera)

    def _explain_refusal(self) -> str:
        return f"the node is {self.phase}. Say it again once the node is active."

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """As rclpy's, which raises for a parameter that does not exist, and does not name it."""
        unknown = [item.name for item in parameter_list if not self.has_parameter(item.name)]
        if unknown:
            reason = without_effect(unknown, list(self.get_parameters_by_prefix("")))
            return SetParametersResult(successful=False, reason=reason)
        return super().set_parameters_atomically(parameter_list)

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            config = updated(self._live.current, parameters)
            loaded = self.phase != "unconfigured"
            if reason := fixed_change(self._live.current, config, loaded=loaded):
                return SetParametersResult(successful=False, reason=reason)
            self.recorder.apply(config)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._live.replace(config)
        if self.worker is not None:
            self.worker.wake()
        return SetParametersResult(successful=True)

    def _on_watch(self) -> None:
        if self._ending.cancelled:  # all that was launched together leaves: nothing is wrong
            return
        self._health.watch(
            NodeParts(
                phase=self.phase,
                problem=self.problem,
                inputs=self.cameras,
                worker=self.worker,
                pipeline=self.pipeline,
            )
        )

    def _explain_no_frame(self, camera: str) -> str:
        inputs = self.cameras.get(camera)
        return "" if inputs is None else inputs.explain()

    def _on_exception(self, what: str, error: Exception) -> None:
        if not self.context.ok():
            return
        if isinstance(error, PPCRError):  # it says by itself what is wrong, maybe at every image
            self.get_logger().warn_once(f"while {what}: {error}")
            return
        trace = "".join(traceback.format_exception(error))
        self.get_logger().error(f"while {what}: {trace}")

"""The process that `ros2 run ppcr_ros ppcr_node` starts: the node from its start to a signal."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.ros.log import CleanLogger
from ppcr_ros.ros.node import PpcrNode
from ppcr_ros.service.warm_up import PipelineFactory, build_models

_STOP_POLL_SEC = 0.2
_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HELP = """\
usage: ros2 run ppcr_ros ppcr_node [--ros-args OPTION ...]

The node /ppcr: an image and a command in, the mask of the object that was named out.

  --ros-args --params-file FILE   models and options; the package's config folder has examples:
                                  ls $(ros2 pkg prefix --share ppcr_ros)/config
  --ros-args -p node.mode:=track  one option; ros2 param describe /ppcr NAME explains each
  --ros-args -r image:=/camera/color/image_raw

ros2 launch ppcr_ros ppcr.launch.py --show-args lists the arguments of the launch file, which
remaps the topics and starts the node again where it ends. ppcr --help: the same without ROS."""


def spin(
    node: PpcrNode, executor: SingleThreadedExecutor, stop: threading.Event | None = None
) -> None:
    """Serve ``node`` until shutdown or ``stop``; a callback's exception is logged and outlived."""
    while node.context.ok() and not (stop is not None and stop.is_set()):
        try:
            executor.spin_once(timeout_sec=_STOP_POLL_SEC)
        except (KeyboardInterrupt, ExternalShutdownException):
            return
        except InvalidHandle:  # the life cycle took a publisher away on the thread that starts
            continue
        except Exception:  # noqa: BLE001 - no message may end the node
            if not node.context.ok():  # shut down while it was about to wait
                return
            node.get_logger().error(
                f"a callback failed: {traceback.format_exc()}", throttle_duration_sec=1.0
            )


def main(
    args: Sequence[str] | None = None, *, pipeline_factory: PipelineFactory = build_models
) -> None:
    """Run the node until SIGINT, SIGTERM or SIGHUP; exit with 1 where it cannot start.

    On a signal the running command still ends as CANCELLED, for those who wait for its result;
    while the models load it ends at once.
    """
    words = sys.argv[1:] if args is None else args
    if {"-h", "--help"} & set(words):
        print(_HELP)
        return
    # rclpy's own handlers would end the context at once, and with it every publisher.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stop, failed, ending = threading.Event(), threading.Event(), CancelToken()
    try:
        node = PpcrNode(pipeline_factory=pipeline_factory, ending=ending)
    except ConfigError as error:
        CleanLogger("ppcr").fatal(str(error))
        rclpy.try_shutdown()
        sys.exit(1)

    def end(*_: object) -> None:
        ending.cancel("the node is shutting down.")
        stop.set()
        if node.loading_thread is threading.main_thread():  # a lifecycle manager's call
            raise KeyboardInterrupt

    for number in _END_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, end)

    def start() -> None:
        try:
            started = node.start()
        except Exception:  # noqa: BLE001 - shut down, or taken over by a lifecycle manager
            started = not node.context.ok()
            node.get_logger().error(traceback.format_exc())
        if not started and node.context.ok() and not stop.is_set():
            failed.set()
            stop.set()  # not rclpy.try_shutdown(): from Kilted on it destroys the node that spins

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    # Beside the executor, so that parameters and diagnostics answer while the models load.
    starter = threading.Thread(target=start, name="ppcr-start", daemon=True)
    if node.autostart:
        starter.start()
    try:
        spin(node, executor, stop)
    finally:
        _wait_for(starter, node)
        node.close()
        node.finish(executor)
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
        _ignore_signals()
    if failed.is_set():
        sys.exit(1)


def _wait_for(starter: threading.Thread, node: PpcrNode) -> None:
    """Wait until the node is started, but not for its models: then the process ends here."""
    while starter.is_alive():
        if node.loading_thread is not None:
            node.get_logger().info("interrupted while the models load.")
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)  # nothing can stop the library that loads; nobody waits for an answer
        starter.join(_STOP_POLL_SEC)


def _ignore_signals() -> None:
    """End in peace: under ros2 launch Ctrl-C comes twice, from the terminal and from launch."""
    for number in _END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# A service callback of rclpy that is a coroutine keeps its callback group while it awaits. In the
# node's default group, which is mutually exclusive, no timer and no subscription runs meanwhile,
# although the executor is free: what the callback awaits may then never come. A group of its own
# (ReentrantCallbackGroup) lets the node go on.
# Prints which of the two lets a timer tick while a call is awaited; exits non-zero if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ros-jazzy-rclpy==7.1.6" "ros-jazzy-rmw-fastrtps-cpp==8.4.3" \
  "ros-jazzy-std-srvs==5.3.6"
cat > "$folder/try.py" <<'PYTHON'
import sys
import time

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future
from std_srvs.srv import Trigger


def ticks_while_awaited(group):
    node = rclpy.create_node("server")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    started, ended, ticks = [], Future(), []

    async def serve(request, response):
        started.append(True)
        await ended
        return response

    node.create_service(Trigger, "wait", serve, callback_group=group)
    client = rclpy.create_node("client")
    executor.add_node(client)
    caller = client.create_client(Trigger, "wait")
    assert caller.wait_for_service(30.0)
    answer = caller.call_async(Trigger.Request())
    limit = time.monotonic() + 30.0
    while not started and time.monotonic() < limit:
        executor.spin_once(timeout_sec=0.1)
    node.create_timer(0.01, lambda: ticks.append(True))
    limit = time.monotonic() + 2.0
    while len(ticks) < 10 and time.monotonic() < limit:
        executor.spin_once(timeout_sec=0.1)
    seen = len(ticks)
    ended.set_result(None)
    executor.wake()
    limit = time.monotonic() + 30.0
    while not answer.done() and time.monotonic() < limit:
        executor.spin_once(timeout_sec=0.1)
    assert answer.done()
    executor.shutdown()
    node.destroy_node()
    client.destroy_node()
    return seen


rclpy.init()
default, own = ticks_while_awaited(None), ticks_while_awaited(ReentrantCallbackGroup())
rclpy.shutdown()
print(f"ticks of a timer while a call is awaited: {default} in the default group, "
      f"{own} with a reentrant group for the service")
sys.exit(not (default == 0 and own >= 10))
PYTHON
export LD_LIBRARY_PATH="$folder/venv/lib" AMENT_PREFIX_PATH="$folder/venv"
export ROS_DOMAIN_ID=$((RANDOM % 100 + 1)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_LOG_DIR="$folder/log"
"$folder/venv/bin/python" -c "from importlib.metadata import version; print('rclpy', version('ros-jazzy-rclpy'))"
"$folder/venv/bin/python" "$folder/try.py"

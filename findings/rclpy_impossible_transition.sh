#!/usr/bin/env bash
# rclpy's lifecycle node does not answer ~/change_state where a transition that is asked for by its id is
# not possible in its state: the callback raises RCLError, and whoever asked waits for ever. Asked for by
# its label the same transition is answered with success=False.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  ros-jazzy-lifecycle-msgs==2.0.3 ros-jazzy-rclpy==7.1.6 ros-jazzy-rmw-fastrtps-cpp==8.4.3 numpy==2.2.6 pyyaml==6.0.3
export LD_LIBRARY_PATH="$folder/venv/lib" AMENT_PREFIX_PATH="$folder/venv" ROS_LOG_DIR="$folder"
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_DOMAIN_ID=$((RANDOM % 100 + 1))
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode

print("rclpy", version("ros-jazzy-rclpy"))
rclpy.init()
node, asker = LifecycleNode("managed"), rclpy.create_node("asker")
executor = SingleThreadedExecutor()
executor.add_node(node)
executor.add_node(asker)
client = asker.create_client(ChangeState, "/managed/change_state")
assert client.wait_for_service(60)


def ask(transition: Transition, seconds: float) -> str:
    future = client.call_async(ChangeState.Request(transition=transition))
    raised = ""
    deadline = asker.get_clock().now().nanoseconds + int(seconds * 1e9)
    while not future.done() and asker.get_clock().now().nanoseconds < deadline:
        try:
            executor.spin_once(timeout_sec=0.1)
        except Exception as error:  # what the executor's owner sees of it
            raised = f", {type(error).__name__} in the executor"
    return (f"success={future.result().success}" if future.done() else "no answer") + raised


deactivate = Transition.TRANSITION_DEACTIVATE
by_label = ask(Transition(label="deactivate"), 20.0)
by_id = ask(Transition(id=deactivate), 20.0)
possible = ask(Transition(label="configure"), 20.0)
print(f"unconfigured, deactivate by label: {by_label}; by id {deactivate}: {by_id}")
print(f"unconfigured, configure: {possible}")
so = by_label == "success=False" and by_id.startswith("no answer") and possible == "success=True"
sys.exit(0 if so else 1)
PYTHON

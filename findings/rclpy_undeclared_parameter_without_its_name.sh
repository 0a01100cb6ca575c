#!/usr/bin/env bash
# Where a parameter is set that a node has not declared, the node's parameter service refuses it and
# does not say which: the brackets of "Invalid access to undeclared parameter(s): []" are empty. Who
# sets several at once (ros2 param load of a file) cannot tell the misspelt one.
# Prints the answers for a misspelt and a declared parameter; exits non-zero if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ros-jazzy-rclpy==7.1.6" "ros-jazzy-rmw-fastrtps-cpp==8.4.3"
cat > "$folder/try.py" <<'PYTHON'
import sys

import rclpy
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor

rclpy.init()
node = rclpy.create_node("undeclared")
node.declare_parameter("speed", 1)
asker = rclpy.create_node("asker")
executor = SingleThreadedExecutor()
executor.add_node(node)
executor.add_node(asker)
client = asker.create_client(SetParameters, "/undeclared/set_parameters")
assert client.wait_for_service(timeout_sec=20.0)
value = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=3)
names = ("sped", "speed")
request = SetParameters.Request(parameters=[Parameter(name=name, value=value) for name in names])
future = client.call_async(request)
executor.spin_until_future_complete(future, timeout_sec=20.0)
reasons = [(result.successful, result.reason) for result in future.result().results]
for name, (successful, reason) in zip(names, reasons):
    print(f"{name}: successful {successful}, reason {reason!r}")
sys.exit(reasons[0][0] or "sped" in reasons[0][1])
PYTHON
export LD_LIBRARY_PATH="$folder/venv/lib" AMENT_PREFIX_PATH="$folder/venv"
export ROS_DOMAIN_ID=$((RANDOM % 100 + 1)) ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_LOG_DIR="$folder/log"
"$folder/venv/bin/python" -c "from importlib.metadata import version; print('rclpy', version('ros-jazzy-rclpy'))"
"$folder/venv/bin/python" "$folder/try.py"

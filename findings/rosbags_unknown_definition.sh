#!/usr/bin/env bash
# rosbags 0.11.9 refuses a whole MCAP bag for one channel whose schema encoding is "unknown", which
# rosbag2 writes for message types whose definition it does not find: an action's feedback, service events.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9
cd "$folder"
venv/bin/python - <<'PYTHON'
import importlib.metadata
from pathlib import Path

from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

print("rosbags", importlib.metadata.version("rosbags"))
store = get_typestore(Stores.ROS2_JAZZY)
text = store.types["std_msgs/msg/String"](data="hello")
raw = store.serialize_cdr(text, "std_msgs/msg/String")
kind = "example_interfaces/action/Fibonacci_FeedbackMessage"
with Writer(Path("bag"), version=8, storage_plugin=StoragePlugin.MCAP) as writer:
    said = writer.add_connection("/said", "std_msgs/msg/String", typestore=store)
    writer.write(said, 1, raw)
    told = writer.add_connection("/told", kind, msgdef="string s\n", rihs01=f"RIHS01_{0:064x}")
    writer.write(told, 2, raw)
file = next(Path("bag").glob("*.mcap"))
before = kind.encode() + b"\x07\0\0\0ros2msg"
file.write_bytes(file.read_bytes().replace(before, kind.encode() + b"\x07\0\0\0unknown"))
try:
    with AnyReader([Path("bag")]) as reader:
        count = sum(1 for _ in reader.messages())
except KeyError as error:
    print("one channel with the schema encoding 'unknown': the bag is refused whole, KeyError", error)
else:
    raise SystemExit(f"{count} messages were read: it has changed")
PYTHON

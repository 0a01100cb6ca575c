"""A camera of 1080p images at a steady rate, as a process: until it is ended, or for so long.

It stamps each image as it publishes it, and prints how many it has published.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from array import array

import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.types import Array

WIDTH_PX, HEIGHT_PX = 1920, 1080
RATE_HZ = 60.0
QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)


def scene_1080p() -> Array:
    """A recorded table, stretched to 1080p: (1080, 1920, 3) uint8."""
    rgb = load_recording().scenes[0].view.rgb
    rows = np.arange(HEIGHT_PX) * rgb.shape[0] // HEIGHT_PX
    columns = np.arange(WIDTH_PX) * rgb.shape[1] // WIDTH_PX
    return np.ascontiguousarray(rgb[rows][:, columns])


def main(seconds: float) -> None:
    """Publish on ``/image`` for ``seconds``."""
    stop = threading.Event()
    rclpy.init(args=[])
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    node = rclpy.create_node("camera_1080p")
    publisher = node.create_publisher(Image, "/image", QOS)
    image = Image(
        height=HEIGHT_PX,
        width=WIDTH_PX,
        encoding="rgb8",
        step=3 * WIDTH_PX,
        data=array("B", scene_1080p().tobytes()),
    )
    image.header.frame_id = "camera"
    published, begun = 0, time.monotonic()
    while not stop.is_set() and time.monotonic() - begun < seconds:
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
        publisher.publish(image)
        published += 1
        late_sec = time.monotonic() - begun - published / RATE_HZ
        if late_sec > 1.0:  # a machine that cannot keep up: do not pile up what was missed
            begun += late_sec
        stop.wait(max(0.0, -late_sec))
    print(published, flush=True)
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main(float(sys.argv[1]))

"""``ppcr doctor --topics`` on a real graph."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from ppcr_ros import cli
from ppcr_ros.commands import doctor_checks
from ppcr_ros.commands.doctor_checks import Check, State

SECONDS = ("3", "10", "40")
"""For how long is looked: longer where a busy machine has not shown the driver yet."""


class Driver:
    """A camera that streams until it is closed."""

    def __init__(self, domain: int) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("driver", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.seen_as = ["published by /driver"]
        """What a report says once the driver, or a topic of its, was seen."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def stream(self, message_type: Any, topic: str, **fields: Any) -> None:
        publisher = self.node.create_publisher(message_type, topic, qos_profile_sensor_data)
        self.seen_as.append(f":={topic}")

        def publish() -> None:
            now: Time = self.node.get_clock().now().to_msg()
            publisher.publish(message_type(header=Header(stamp=now, frame_id="cam"), **fields))

        self.node.create_timer(0.05, publish)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()

    def _spin(self) -> None:
        while not self._stop.is_set():
            self.executor.spin_once(timeout_sec=0.05)


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch, take_domain: Callable[[], int]) -> int:
    """A ROS domain of this test's own, and an installation of which nothing is to be said."""
    domain = take_domain()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    if os.environ.get("ROS_DISTRO") == "humble":
        monkeypatch.setenv("ROS_LOCALHOST_ONLY", "1")
    else:
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    fine = [Check("python", State.OK, "3.11")]
    monkeypatch.setattr(doctor_checks, "all_checks", lambda **needed: fine)
    return domain


@pytest.fixture
def driver(domain: int) -> Iterator[Driver]:
    made = Driver(domain)
    yield made
    made.close()


def doctor(
    driver: Driver | None, capsys: pytest.CaptureFixture[str], *arguments: str, wanted: int
) -> tuple[int, dict[str, Any]]:
    """The exit code and the report, once the driver was seen and the code is the ``wanted`` one."""
    for seconds in SECONDS:
        code = cli.main(["doctor", "--topics", "--seconds", seconds, "--json", *arguments])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        shown = json.dumps([document["findings"], document["topics"]])
        seen = driver is None or any(topic in shown for topic in driver.seen_as)
        if code == wanted and seen:
            break
    return code, document


def test_a_good_camera_is_fine(driver: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    picture = {"width": 8, "height": 6, "encoding": "rgb8", "step": 24, "data": bytes(144)}
    driver.stream(Image, "/camera/image_raw", **picture)
    k = [9.0, 0.0, 4.0, 0.0, 9.0, 3.0, 0.0, 0.0, 1.0]
    driver.stream(CameraInfo, "/camera/camera_info", width=8, height=6, k=k)
    code, document = doctor(driver, capsys, wanted=0)
    assert document["findings"] == []
    assert (code, document["ok"]) == (0, True)
    image, info = document["topics"]
    assert image.startswith("/camera/image_raw: ")
    assert " 0 messages" not in image
    assert image.endswith("published by /driver")
    assert " 0 messages" not in info


def test_a_camera_elsewhere_is_found(driver: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    driver.stream(Image, "/realsense/color/image_raw", encoding="nv24")
    code, document = doctor(driver, capsys, wanted=1)
    assert code == 1
    found = {item["code"]: item for item in document["findings"]}
    assert "image_topic:=/realsense/color/image_raw" in found["no_publisher"]["remedy"]
    code, document = doctor(driver, capsys, "--image-topic", "/realsense/color/image_raw", wanted=1)
    assert code == 1
    assert [item["code"] for item in document["findings"]] == ["image_encoding"]


def test_the_compressed_topic_follows_the_image_topic(
    driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    driver.stream(Image, "/front/image_raw", encoding="rgb8")
    code, document = doctor(
        driver, capsys, "--compressed", "--image-topic", "/front/image_raw", wanted=1
    )
    assert document["topics"][0].startswith("/front/image_raw: ")
    found = {item["code"]: item for item in document["findings"]}
    assert "nothing publishes /front/image_raw/compressed" in found["other_transport"]["what"]
    driver.stream(CompressedImage, "/front/image_raw/compressed", format="jpeg")
    code, document = doctor(
        driver, capsys, "--compressed", "--image-topic", "/front/image_raw", wanted=0
    )
    assert document["topics"][0].startswith("/front/image_raw/compressed: ")
    assert code == 0


def test_every_one_of_several_cameras_is_looked_at(
    driver: Driver, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "two.yaml"
    path.write_text('/**: {ros__parameters: {node: {cameras: "front, wrist"}}}', encoding="utf-8")
    driver.stream(Image, "/front/color", encoding="rgb8")
    code, document = doctor(
        driver, capsys, "--config", str(path), "--image-topic", "/{camera}/color", wanted=1
    )
    assert code == 1
    names = [line.partition(":")[0] for line in document["topics"]]
    assert names == [
        "/front/color", "/front/camera_info", "/wrist/color", "/wrist/camera_info",
    ]  # fmt: skip
    (found,) = [item for item in document["findings"] if item["code"] == "no_publisher"]
    assert found["about"] == "/wrist/color"
    assert "-r wrist/image:=" in found["remedy"]


def test_lines_show_topics_and_remedies(driver: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--topics", "--seconds", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "TOPIC   /camera/image_raw: 0 messages in 1 s, published by nobody" in lines
    place = next(i for i, line in enumerate(lines) if line.startswith("WARN    nothing publishes"))
    assert lines[place + 1].startswith("        -> Start the driver")


def test_where_nobody_is_the_variables_that_decide_are_shown(
    domain: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = doctor(None, capsys, wanted=1)
    assert code == 1
    found = {item["code"]: item for item in document["findings"]}
    assert f"ROS_DOMAIN_ID={domain}" in found["nothing_discovered"]["expected"]
    assert "no_publisher" in found

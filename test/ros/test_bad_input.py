"""Bad commands and bad images: the message to the person, and a node that lives on."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from sensor_msgs.msg import CompressedImage, Image

from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions

RESULT = "/ppcr/result"
HEADER = conversions.make_header(7_000_000_000, "camera")


def good_image() -> Image:
    return conversions.rgb_to_image(np.zeros((48, 64, 3), np.uint8), HEADER)


def altered(**fields: Any) -> Callable[[], Image]:
    def make() -> Image:
        message = good_image()
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    return make


def shortened() -> Image:
    message = good_image()
    message.data = message.data[:100]
    return message


def lives_on(bench: Any, results_so_far: int, topic: str = "/image") -> None:
    bench.show(good_image(), topic)
    assert bench.answer(count=results_so_far + 1).status == ReferringSegmentation.OK


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("", "the command '' (0 characters) has no letter or digit"),
        (" \t\n ", "has no letter or digit"),
        ("\x01\x02\x07\x1b\x7f", "(5 characters) has no letter or digit"),
        ("#" * 10_000_000, "(10000000 characters) has no letter or digit"),
    ],
    ids=["empty", "blank", "control", "10MB of #"],
)
def test_a_command_without_words(bench: Any, command: str, expected: str) -> None:
    bench.begin()
    bench.show(good_image())
    result = bench.answer(command)
    assert result.status == ReferringSegmentation.ERROR
    assert expected in result.message
    assert "such as 'the small green ball'" in result.message
    lives_on(bench, 1)


def test_a_long_command_is_cut_and_its_control_characters_go(bench: Any) -> None:
    bench.begin()
    bench.show(good_image())
    result = bench.answer("the\x07 red\x1b[31m\nmug " * 600_000)
    assert result.status == ReferringSegmentation.OK
    assert result.command.startswith("the red[31m mug the red")
    assert len(result.command) <= 400
    assert "longer than pipeline.max_command_chars (400): it was read up to" in result.message
    assert result.command.isprintable()


SOME_MORE = array("B", bytes(9300))
"""With the image's 9216 bytes alone nobody needs the step."""


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Image, "the image is 0x0 pixels"),
        (altered(width=0), "the image is 0x48 pixels"),
        (altered(height=2_000_000_000), "64x2000000000 pixels; expected 1 to 16384"),
        (shortened, "the image is truncated: 100 bytes of data; expected 9216"),
        (
            altered(step=10, data=SOME_MORE),
            "step is 10 bytes; expected at least 192 for 64 pixels of rgb8",
        ),
        (altered(step=500, data=SOME_MORE), "the image is truncated"),
        (altered(encoding="nv24"), "encoding is 'nv24'; expected one of rgb8, bgr8"),
        (altered(encoding="8UC3"), "does not say the order of its colours"),
        (altered(encoding="bgra8"), "step is 192 bytes; expected at least 256"),
    ],
)
def test_a_bad_image(bench: Any, make: Callable[[], Image], expected: str) -> None:
    bench.begin()
    bench.show(make())
    result = bench.answer()
    assert result.status == ReferringSegmentation.ERROR
    assert expected in result.message
    assert result.mask.width == 0
    lives_on(bench, 1)


def test_a_bad_compressed_image(bench: Any) -> None:
    bench.begin(node__use_compressed=True)
    bench.show(
        CompressedImage(header=HEADER, format="jpeg", data=b"\xff\xd8nothing"), "/image/compressed"
    )
    result = bench.answer()
    assert result.status == ReferringSegmentation.ERROR
    assert "the compressed image (format 'jpeg', 9 bytes) cannot be read" in result.message
    assert result.header == HEADER


def test_a_model_that_raises(bench: Any) -> None:
    bench.begin()
    bench.show(good_image())
    result = bench.answer("explode")
    assert result.status == ReferringSegmentation.ERROR
    assert result.message == "RuntimeError: CUDA out of memory"
    lives_on(bench, 1)


def test_a_command_before_the_node_is_active_is_told(
    bench: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.begin(activate=False)
    refused = bench.answer()
    assert refused.status == ReferringSegmentation.ERROR
    assert refused.command == "the red mug"
    assert refused.command_id != ""
    assert "is not carried out: the node is unconfigured" in refused.message
    assert "Say it again once the node is active" in refused.message
    bench.until(lambda: "is not carried out" in capfd.readouterr().err, "the log line")
    assert bench.node.start()
    lives_on(bench, 1)


def test_a_result_that_cannot_be_sent_is_said_to_be_one(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.begin()
    bench.show(good_image())

    def broken(mask: Any, header: Any) -> Any:
        raise MemoryError("no room for the mask")

    with monkeypatch.context() as patched:
        patched.setattr(conversions, "mask_to_image", broken)
        result = bench.answer()
    assert result.status == ReferringSegmentation.ERROR
    assert result.message == "the result cannot be sent: MemoryError: no room for the mask"
    assert result.command == "the red mug"
    assert result.mask.width == 0
    lives_on(bench, 1)


def test_commands_that_come_faster_than_they_are_taken_all_have_a_result(bench: Any) -> None:
    from rclpy.qos import QoSProfile
    from std_msgs.msg import String

    bench.start()
    bench.listen(ReferringSegmentation, RESULT, QoSProfile(depth=200))
    bench.show(good_image())
    bench.answer("the first")
    publisher = bench.publishers["/ppcr/command"]
    held = bench.hold()
    for number in range(50):  # while the executor is held up, as by a model that holds the lock
        publisher.publish(String(data=f"the mug {number}"))
    held.set()
    results = bench.wait(RESULT, 51)
    assert {item.command for item in results[1:]} == {f"the mug {number}" for number in range(50)}

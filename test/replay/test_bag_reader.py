"""Bags as they are read back, bit for bit, and as they are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.types import Frame, Result, Segmentation, SemanticPrompt, SpatialPrompt, Status
from ppcr_ros.replay.bag import BagError, RawMessage, bag_name, write_bag
from ppcr_ros.replay.bag_reader import find_bags, read_bag
from ppcr_ros.replay.compare import differences
from ppcr_ros.replay.definitions import (
    COMPRESSED_TYPE,
    IMAGE_TYPE,
    INFO_TYPE,
    RESULT_TYPE,
    new_message,
    typestore,
)
from ppcr_ros.replay.messages import header_message, image_message, result_message, result_of
from ppcr_ros.replay.offline_recording import serialised

Record = Callable[..., Path]
BAGS_OF_0_8 = Path(__file__).parent / "bags_0_8"
HEADER = header_message(12_000_000_034, "camera")


def whole_result() -> Result:
    mask = np.zeros((48, 64), np.bool_)
    mask[5:9, 7:30] = True
    return Result(
        Status.OK,
        "the red mug",
        command_id="ab" * 16,
        stamp_ns=12_000_000_034,
        frame_id="camera",
        semantic=SemanticPrompt("a red mug", "mug", ("red",), ("left of it",), 0.1 + 0.2),
        spatial=SpatialPrompt(
            "there",
            np.array([7.1, 5.2, 30.3, 9.4], np.float32),
            np.array([[8.5, 6.5], [1, 2]], np.float32),
            np.array([1, 0], np.int32),
            0.7,
        ),
        segmentation=Segmentation.from_mask(mask, 1 / 3),
    )


def test_a_result_survives_as_a_message() -> None:
    result = whole_result()
    raw = serialised(result_message(result), RESULT_TYPE)
    again = result_of(typestore().deserialize_cdr(raw, RESULT_TYPE))
    assert differences(result, again) == []
    assert (again.command_id, again.stamp_ns, again.frame_id) == (
        "ab" * 16,
        12_000_000_034,
        "camera",
    )
    assert again.segmentation is not None
    assert again.segmentation.box_xyxy_px.tolist() == [7, 5, 30, 9]


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.ERROR, Status.CANCELLED])
def test_a_result_without_products_has_none_again(status: Status) -> None:
    result = Result(status, "the red mug", message="why")
    again = result_of(
        typestore().deserialize_cdr(serialised(result_message(result), RESULT_TYPE), RESULT_TYPE)
    )
    assert (again.semantic, again.spatial, again.segmentation) == (None, None, None)
    assert (again.status, again.message) == (status, "why")


def test_the_message_of_a_success_is_none_of_the_results() -> None:
    result = replace(whole_result(), say="I see the red mug.")
    raw = serialised(result_message(result), RESULT_TYPE)
    message = typestore().deserialize_cdr(raw, RESULT_TYPE)
    assert message.message == "I see the red mug."
    assert result_of(message).message == ""


@pytest.mark.parametrize("status", [Status.OK, Status.AMBIGUOUS])
def test_bags_of_0_8_say_what_they_said(status: Status) -> None:
    """Until 0.8 OK was 0, where an empty message now says UNKNOWN."""
    (path,) = BAGS_OF_0_8.glob(f"*_{status.name.lower()}_*")
    (found,) = read_bag(path)
    assert found.info is not None
    assert found.info.packages["ppcr_ros"] == "0.8.0"
    assert found.result.status is status
    assert found.result.semantic is not None
    assert (found.result.segmentation is not None) == (status is Status.OK)


def test_a_message_that_nobody_filled_in_is_no_success() -> None:
    with pytest.raises(ValueError, match="0 is not a valid Status"):
        result_of(new_message(RESULT_TYPE))


def test_a_recording_is_read_back(record: Record, frame: Frame) -> None:
    (found,) = read_bag(record("  the GREEN\tball "))
    assert found.command == "  the GREEN\tball "
    assert found.result.command == "the GREEN ball"
    assert found.info is not None
    assert found.info.config["pipeline.guidance"] == "progressive"
    assert found.info.machine["cores"]
    assert np.array_equal(found.image.data.reshape(frame.rgb.shape), frame.rgb)


def test_a_single_file_and_a_folder_of_bags_are_found(record: Record) -> None:
    one, two = record("the green ball"), record("the unicorn")
    (one / "metadata.yaml").unlink()  # as where only the .mcap was copied
    assert find_bags([one.parent]) == sorted([one, two])
    file = one / f"{one.name}.mcap"
    assert find_bags([file]) == [file]
    assert read_bag(file)[0].command == read_bag(one)[0].command == "the green ball"


@pytest.mark.parametrize(("name", "message"), [("gone", "there is no"), ("empty", "holds no bag")])
def test_a_path_without_bags_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagError, match=message):
        find_bags([tmp_path / name])


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_torn_bag_is_refused(record: Record, kept: float) -> None:
    path = record("the green ball")
    file = path / f"{path.name}.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(BagError, match="torn"):
        read_bag(path)


def test_bytes_that_changed_are_noticed(record: Record) -> None:
    path = record("the green ball")
    file = path / f"{path.name}.mcap"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(BagError):
        read_bag(path)


def rewritten(path: Path, change: Callable[[RawMessage], RawMessage | None]) -> Path:
    """A copy of a bag with some messages changed or left out."""
    from rosbags.highlevel import AnyReader

    with AnyReader([path]) as reader:
        messages = [
            RawMessage(connection.topic, connection.msgtype, bytes(raw), time_ns)
            for connection, time_ns, raw in reader.messages()
        ]
    kept = [new for item in messages if (new := change(item)) is not None]
    return write_bag(path.parent, bag_name(1, Status.OK, "c0ffee"), kept)


def test_another_image_than_the_recorded_one_is_noticed(record: Record) -> None:
    def darker(item: RawMessage) -> RawMessage:
        return replace(item, cdr=item.cdr[:-1] + b"\0\0") if item.topic == "/image" else item

    with pytest.raises(BagError, match="/image has the recorded checksum"):
        read_bag(rewritten(record("the green ball"), darker))


def test_an_image_topic_of_another_type_is_named(record: Record) -> None:
    def text(item: RawMessage) -> RawMessage:
        if item.topic != "/image":
            return item
        return replace(
            item,
            type_name=INFO_TYPE,
            cdr=serialised(new_message(INFO_TYPE, data="x"), INFO_TYPE),
        )

    with pytest.raises(BagError, match="/image has the type std_msgs/msg/String; expected sensor"):
        read_bag(rewritten(record("the green ball"), text))


def test_a_bag_without_results_is_refused(record: Record) -> None:
    path = rewritten(
        record("the green ball"), lambda item: None if item.topic.endswith("result") else item
    )
    with pytest.raises(BagError, match="holds no message of the type ppcr_ros/msg/Referring"):
        read_bag(path)


def with_info(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    def edit(item: RawMessage) -> RawMessage:
        if not item.topic.endswith("record_info"):
            return item
        message: Any = typestore().deserialize_cdr(item.cdr, INFO_TYPE)
        values = json.loads(message.data)
        change(values)
        text = new_message(INFO_TYPE, data=json.dumps(values))
        return replace(item, cdr=serialised(text, INFO_TYPE))

    return rewritten(path, edit)


def test_a_newer_format_is_refused_with_advice(record: Record) -> None:
    with pytest.raises(BagError, match=r"format 99 .* newer ppcr_ros"):
        read_bag(with_info(record("the green ball"), lambda values: values.update(format=99)))


def test_an_info_that_is_none_is_refused(record: Record) -> None:
    with pytest.raises(BagError, match="config is no mapping"):
        read_bag(with_info(record("the green ball"), lambda values: values.update(config=3)))


def foreign_bag(folder: Path, *, topics: tuple[str, ...] = ("/camera/image",)) -> Path:
    """What ``ros2 bag record -a`` would make: all images, the node's pictures, and no info."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    messages = []
    for number, stamp_ns in enumerate((11_000_000_000, 12_000_000_034, 13_000_000_000)):
        header = header_message(stamp_ns, "camera")
        for topic in (*topics, "/ppcr/overlay"):
            image = image_message(pixels + number, "rgb8", header)
            messages.append(RawMessage(topic, IMAGE_TYPE, serialised(image, IMAGE_TYPE), stamp_ns))
        depth = image_message(pixels[:, :, 0], "16UC1", header)
        messages.append(
            RawMessage("/camera/depth", IMAGE_TYPE, serialised(depth, IMAGE_TYPE), stamp_ns)
        )
    raw = serialised(result_message(whole_result()), RESULT_TYPE)
    messages.append(RawMessage("/ppcr/result", RESULT_TYPE, raw, 14_000_000_000))
    return write_bag(folder, "everything", messages)


def test_a_bag_of_another_recorder_is_read_by_the_images_stamps(tmp_path: Path) -> None:
    (found,) = read_bag(foreign_bag(tmp_path))
    assert found.info is None
    assert found.command == "the red mug"
    assert set(found.image.data.tolist()) == {1}


def test_with_several_cameras_the_topic_has_to_be_named(tmp_path: Path) -> None:
    path = foreign_bag(tmp_path, topics=("/left/image", "/right/image"))
    with pytest.raises(BagError, match=r"/left/image, /right/image.*--image-topic"):
        read_bag(path)
    assert read_bag(path, "/right/image")[0].image is not None


def encoded(encoding: str, pixels: np.ndarray) -> tuple[str, Any]:
    """A camera's message of random pixels in one of its formats."""
    if encoding == "jpeg":
        import cv2

        data = np.frombuffer(cv2.imencode(".jpg", pixels)[1].tobytes(), np.uint8)
        return COMPRESSED_TYPE, new_message(
            COMPRESSED_TYPE, header=HEADER, format="jpeg", data=data
        )
    data = {"mono8": pixels[..., 0], "yuyv": pixels[..., :2]}.get(encoding, pixels)
    return IMAGE_TYPE, image_message(data, encoding, HEADER)


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "mono8", "yuyv", "jpeg"])
def test_frames_of_every_encoding_are_bit_equal_after_the_round_trip(
    tmp_path: Path, encoding: str
) -> None:
    from ppcr_ros.camera.frames import image_to_frame

    pixels = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    kind, message = encoded(encoding, pixels)
    raw = serialised(result_message(whole_result()), RESULT_TYPE)
    path = write_bag(
        tmp_path,
        "bag",
        [
            RawMessage("/camera/image", kind, serialised(message, kind), 1),
            RawMessage("/ppcr/result", RESULT_TYPE, raw, 2),
        ],
    )
    image = read_bag(path)[0].image
    assert bytes(image.data) == bytes(message.data)
    assert np.array_equal(image_to_frame(image).rgb, image_to_frame(message).rgb)

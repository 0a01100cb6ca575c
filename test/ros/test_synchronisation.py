from __future__ import annotations

import sys

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from sensor_msgs.msg import CameraInfo, Image

from ppcr_ros.ros import synchronisation
from ppcr_ros.ros.conversions import make_header

needs_message_filters = pytest.mark.skipif(
    not synchronisation.available(), reason="needs the Python package message_filters"
)


def image(seconds: float) -> Image:
    return Image(header=make_header(round(seconds * 1e9), "camera"))


def info(seconds: float) -> CameraInfo:
    return CameraInfo(header=make_header(round(seconds * 1e9), "camera"))


class Pairs(list[tuple[float, float]]):
    def add(self, first: Image, second: Image, _: CameraInfo | None) -> None:
        self.append((stamp(first), stamp(second)))


class Matches(list[tuple[float, float, float | None]]):
    def add(self, first: Image, second: Image, third: CameraInfo | None) -> None:
        self.append((stamp(first), stamp(second), None if third is None else stamp(third)))


def stamp(message: Image | CameraInfo) -> float:
    return float(message.header.stamp.sec + message.header.stamp.nanosec / 1e9)


@needs_message_filters
def test_images_and_depth_within_the_slop_are_paired() -> None:
    pairs = Pairs()
    synchroniser = synchronisation.DepthSynchroniser(pairs.add, queue_size=5, slop_sec=0.05)
    synchroniser.add_image(image(10.0))
    synchroniser.add_depth(image(10.03))
    synchroniser.add_image(image(11.0))
    synchroniser.add_depth(image(11.2))
    assert pairs == [(10.0, 10.03)]
    assert synchroniser.facts().pairs == 1


@needs_message_filters
def test_the_distance_of_two_clocks_is_told() -> None:
    synchroniser = synchronisation.DepthSynchroniser(Pairs().add, queue_size=5, slop_sec=0.05)
    assert synchroniser.facts().apart_sec is None
    synchroniser.add_image(image(10.0))
    synchroniser.add_depth(image(17.5))
    facts = synchroniser.facts()
    assert (facts.pairs, facts.apart_sec, facts.slop_sec) == (0, 7.5, 0.05)


@needs_message_filters
def test_a_replay_that_begins_anew_is_followed() -> None:
    pairs = Pairs()
    synchroniser = synchronisation.DepthSynchroniser(pairs.add, queue_size=2, slop_sec=0.05)
    for number in range(100, 110):
        synchroniser.add_image(image(number))
    for number in range(3):
        synchroniser.add_image(image(number + 1))
        synchroniser.add_depth(image(number + 1))
    assert pairs == [(1, 1), (2, 2), (3, 3)]


@needs_message_filters
def test_an_exception_downstream_does_not_lock_the_synchroniser() -> None:
    pairs, broken = Pairs(), True

    def deliver(first: Image, second: Image, third: CameraInfo | None) -> None:
        if broken:
            raise RuntimeError("downstream")
        pairs.add(first, second, third)

    synchroniser = synchronisation.DepthSynchroniser(deliver, queue_size=5, slop_sec=0.05)
    synchroniser.add_image(image(1))
    with pytest.raises(RuntimeError, match="downstream"):
        synchroniser.add_depth(image(1))
    broken = False
    synchroniser.add_image(image(2))
    synchroniser.add_depth(image(2))
    assert pairs == [(2, 2)]


@needs_message_filters
def test_camera_info_is_matched_by_its_stamp() -> None:
    matches = Matches()
    synchroniser = synchronisation.DepthSynchroniser(matches.add, queue_size=5, slop_sec=0.05)
    for number in (1, 2, 3):
        synchroniser.add_info(info(number + 0.01))
        synchroniser.add_depth(image(number))
        synchroniser.add_info(info(number + 0.5))
        synchroniser.add_image(image(number))
    assert list(dict.fromkeys(matches))[-2:] == [(2, 2, 2.01), (3, 3, 3.01)]
    assert matches[-1] == (3, 3, 3.01)


@needs_message_filters
@pytest.mark.parametrize("last", ["info", "image", "depth"])
def test_in_step_each_image_is_handed_on_once(last: str) -> None:
    matches = Matches()
    synchroniser = synchronisation.DepthSynchroniser(matches.add, queue_size=5, slop_sec=0.05)
    adds = {
        "image": lambda number: synchroniser.add_image(image(number)),
        "depth": lambda number: synchroniser.add_depth(image(number)),
        "info": lambda number: synchroniser.add_info(info(number)),
    }
    for number in range(1, 8):
        for kind in (*(name for name in adds if name != last), last):
            adds[kind](number)
    assert matches[-6:] == [(number, number, number) for number in range(2, 8)]
    assert len(matches) <= 8


@needs_message_filters
def test_a_camera_info_that_does_not_keep_time_makes_nobody_wait() -> None:
    matches = Matches()
    synchroniser = synchronisation.DepthSynchroniser(matches.add, queue_size=5, slop_sec=0.05)
    synchroniser.add_depth(image(1))
    synchroniser.add_image(image(1))
    synchroniser.add_info(info(0))  # sent once, without a stamp
    synchroniser.add_depth(image(2))
    synchroniser.add_image(image(2))
    assert matches == [(1, 1, None), (2, 2, 0)]


@needs_message_filters
def test_where_camera_info_falls_silent_images_go_on() -> None:
    matches = Matches()
    synchroniser = synchronisation.DepthSynchroniser(matches.add, queue_size=5, slop_sec=0.05)
    for number in range(1, 12):
        if number < 4:
            synchroniser.add_info(info(number))
        synchroniser.add_depth(image(number))
        synchroniser.add_image(image(number))
    assert matches[-1] == (11, 11, 3)


def test_whether_it_is_available_is_told() -> None:
    assert synchronisation.available() == (sys.modules.get("message_filters") is not None)

"""Equal or nearest stamps are paired, and nobody waits for ever; with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppcr_ros.camera.pairing import DepthPairing

FRAME = 1.0 / 30.0


def message(seconds: float) -> Any:
    sec, nanosec = divmod(round(seconds * 1e9), 1_000_000_000)
    return SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec)))


def stamp(item: Any) -> float | None:
    return (
        None if item is None else round(item.header.stamp.sec + item.header.stamp.nanosec / 1e9, 4)
    )


class Camera:
    """A pairing, the time, and what was handed on: (stamp of the image, of its depth or None)."""

    def __init__(self, queue_size: int = 10, slop_sec: float = 0.05, wait_sec: float = 0.5) -> None:
        self.now_sec = self.looked_sec = 100.0
        self.frames: list[tuple[float | None, float | None]] = []
        self.broken = False
        self.pairing = DepthPairing(
            self._take,
            queue_size=queue_size,
            slop_sec=slop_sec,
            wait_sec=wait_sec,
            clock=lambda: self.now_sec,
        )

    def _take(self, image: Any, depth: Any) -> None:
        if self.broken:
            raise RuntimeError("downstream")
        self.frames.append((stamp(image), stamp(depth)))

    def play(self, events: Iterable[tuple[float, str, float]]) -> None:
        """Of (when it comes, ``image`` or ``depth``, its stamp), in the order of coming."""
        for came_sec, kind, stamp_sec in sorted(events, key=lambda event: event[0]):
            while self.looked_sec + 0.05 <= 100.0 + came_sec:  # the node looks now and then
                self.looked_sec += 0.05
                self.now_sec = max(self.now_sec, self.looked_sec)
                self.pairing.look()
            self.now_sec = max(self.now_sec, 100.0 + came_sec)
            getattr(self.pairing, f"add_{kind}")(message(stamp_sec))

    def wait(self, seconds: float) -> None:
        self.now_sec += seconds
        self.pairing.look()

    @property
    def apart_ms(self) -> list[float]:
        """Of each pair: how far its depth was taken after its image, milliseconds."""
        return [
            round(1000 * (depth - image), 1)
            for image, depth in self.frames
            if depth is not None and image is not None
        ]


def stream(
    kind: str,
    count: int,
    *,
    every: float = FRAME,
    late: float = 0.0,
    lost: Iterable[int] = (),
    start: float = 1.0,
    shift: float = 0.0,
) -> list[tuple[float, str, float]]:
    return [
        (n * every + late, kind, start + n * every + shift)
        for n in range(count)
        if n not in set(lost)
    ]


def test_equal_stamps_go_on_at_once() -> None:
    camera = Camera()
    camera.play([(0.0, "image", 1.0), (0.001, "depth", 1.0)])
    assert camera.frames == [(1.0, 1.0)]
    assert camera.pairing.facts().pairs == 1


def test_one_lost_colour_image_moves_no_later_pair() -> None:
    camera = Camera()
    camera.play(stream("image", 60, late=0.002, lost=[7]) + stream("depth", 60))
    assert set(camera.apart_ms) == {0.0}
    assert len(camera.frames) == 59


def test_one_lost_depth_image_moves_no_later_pair() -> None:
    camera = Camera()
    camera.play(stream("image", 60) + stream("depth", 60, late=0.002, lost=[7, 8, 30]))
    assert set(camera.apart_ms) == {0.0}
    assert len(camera.frames) == 57


@pytest.mark.parametrize("depth_first", [False, True])
def test_colour_at_30_and_depth_at_15_hz_pair_at_equal_stamps(depth_first: bool) -> None:
    camera = Camera()
    late = (0.003, 0.0) if depth_first else (0.0, 0.003)
    camera.play(
        stream("image", 122, late=late[0]) + stream("depth", 61, every=2 * FRAME, late=late[1])
    )
    assert camera.apart_ms == [0.0] * 61
    assert len(camera.frames) == 61


def test_depth_that_is_registered_late_is_waited_for() -> None:
    camera = Camera()
    camera.play(stream("image", 60) + stream("depth", 60, late=0.25))
    assert camera.frames == [(s, s) for s, _ in camera.frames]
    assert len(camera.frames) == 60


def test_of_two_clocks_the_nearest_stamps_are_paired() -> None:
    camera = Camera()
    camera.play(stream("image", 60) + stream("depth", 60, shift=0.012, late=0.012))
    assert set(camera.apart_ms) == {12.0}
    assert len(camera.frames) >= 59
    camera = Camera()
    camera.play(stream("image", 60) + stream("depth", 60, shift=-0.012))
    assert set(camera.apart_ms) == {-12.0}


def test_nothing_goes_on_while_a_better_partner_may_come() -> None:
    camera = Camera()
    camera.play([(0.0, "image", 1.0), (0.01, "depth", 1.03)])
    assert camera.frames == []
    camera.play([(0.04, "image", 1.03)])
    assert camera.frames == [(1.03, 1.03)]


def test_what_lies_beyond_the_slop_is_no_pair() -> None:
    camera = Camera()
    camera.play([(0.0, "image", 1.0), (0.0, "depth", 1.2), (0.1, "image", 2.0)])
    camera.wait(1.0)
    assert camera.frames == [(2.0, None)]
    assert camera.pairing.facts().apart_sec == pytest.approx(0.2)


def test_depth_that_comes_before_its_image_is_not_far_from_it() -> None:
    """Seen with the demo's camera: "the nearest stamps are 0.1 s apart", one image too early."""
    camera = Camera()
    apart: list[float | None] = []
    for n in range(8):
        camera.play([(0.1 * n, "depth", 1.0 + 0.1 * n)])
        apart.append(camera.pairing.facts().apart_sec)
        camera.play([(0.1 * n + 0.01, "image", 1.0 + 0.1 * n)])
        apart.append(camera.pairing.facts().apart_sec)
    assert apart[0] is None
    assert apart[1:] == [pytest.approx(0.0)] * 15
    assert set(camera.apart_ms) == {0.0}


def test_two_clocks_that_drift_apart_are_told_soon() -> None:
    camera = Camera()
    camera.play([*stream("depth", 30), *stream("image", 30, late=0.01)])
    start = 1.0 + 30 * FRAME
    camera.play([*stream("depth", 30, start=start, shift=5.0), *stream("image", 30, start=start)])
    assert camera.pairing.facts().apart_sec == pytest.approx(5.0, abs=0.2)


def test_a_picture_now_and_then_is_paired_after_the_wait() -> None:
    camera = Camera(wait_sec=0.5)
    camera.play([(0.0, "image", 1.0), (0.01, "depth", 1.03)])
    camera.wait(0.51)
    assert camera.frames == [(1.0, 1.03)]


def test_without_depth_colour_goes_on_after_the_wait_and_then_at_once() -> None:
    camera = Camera(wait_sec=0.5)
    camera.play(stream("image", 10, every=0.1))
    assert camera.frames, "after half a second"
    assert camera.frames[0] == (1.5, None)
    before = len(camera.frames)
    camera.play([(5.0, "image", 6.0)])
    assert camera.frames[before:] == [(6.0, None)]
    facts = camera.pairing.facts()
    assert (facts.pairs, facts.alone, facts.apart_sec) == (0, True, None)


def test_a_full_queue_does_not_keep_colour_back() -> None:
    camera = Camera(queue_size=3, wait_sec=10.0)
    camera.play(stream("image", 5))
    assert camera.frames[0] == (round(1 + 3 * FRAME, 4), None)


def test_depth_that_dies_and_comes_back_is_used_again() -> None:
    camera = Camera()
    camera.play(stream("image", 180) + stream("depth", 180, late=0.01, lost=range(60, 120)))
    alone = [image for image, depth in camera.frames if depth is None]
    assert alone
    assert all(3.3 < (image or 0.0) < 5.1 for image in alone)
    assert set(camera.apart_ms) == {0.0}
    assert len(camera.apart_ms) == 120
    assert not camera.pairing.facts().alone


def test_images_go_on_in_order() -> None:
    camera = Camera()
    camera.play(stream("image", 90) + stream("depth", 90, late=0.2, lost=range(20, 50)))
    images = [image or 0.0 for image, _ in camera.frames]
    assert images == sorted(images)


def test_a_replay_that_begins_anew_is_followed() -> None:
    camera = Camera(queue_size=2)
    for number in range(100, 110):
        camera.pairing.add_image(message(number))
    camera.frames.clear()
    for number in (1, 2, 3):
        camera.pairing.add_image(message(number))
        camera.pairing.add_depth(message(number))
    assert camera.frames[-3:] == [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]


def looped(kind: str, frames: int, loops: int, late: float = 0.0) -> list[tuple[float, str, float]]:
    """A bag of ``frames`` images that is played again and again."""
    return [
        ((loop * frames + n) * FRAME + late, kind, 1.0 + n * FRAME)
        for loop in range(loops)
        for n in range(frames)
    ]


@pytest.mark.parametrize("late", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("frames", [1, 2, 3, 8, 25])
def test_a_loop_shorter_than_a_second_hands_on_pairs_in_every_round(
    frames: int, late: float
) -> None:
    camera = Camera()
    loops = 150 // frames
    camera.play(looped("image", frames, loops) + looped("depth", frames, loops, late))
    assert set(camera.apart_ms) == {0.0}
    if frames > 2:  # of two nobody can tell which round a late one is of
        assert len(camera.apart_ms) >= 0.6 * loops * frames
    assert len(camera.apart_ms) >= loops / 2


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 25, 40])
@pytest.mark.parametrize("wait_sec", [0.1, 0.5, 2.0])
def test_a_loop_shorter_than_the_wait_starves_nobody(frames: int, wait_sec: float) -> None:
    camera = Camera(wait_sec=wait_sec)
    camera.play(looped("image", frames, 240 // frames))
    assert len(camera.frames) >= 0.5 * (240 - wait_sec / FRAME - frames)
    assert {depth for _, depth in camera.frames} == {None}


def test_depth_that_comes_into_a_short_loop_is_used() -> None:
    camera = Camera()
    depth = [event for event in looped("depth", 8, 30) if event[0] > 4.0]
    camera.play(looped("image", 8, 30) + depth)
    assert camera.frames[-20:] == [(stamp, stamp) for stamp, _ in camera.frames[-20:]]


def test_a_late_image_is_no_new_round() -> None:
    camera = Camera()
    order = [0, 1, 2, 4, 3, 5, 6]
    camera.play(
        [(n * FRAME, kind, 1.0 + number * FRAME) for n, number in enumerate(order)
         for kind in ("image", "depth")]
    )  # fmt: skip
    images = [image for image, _ in camera.frames if image is not None]
    assert images == sorted(images)
    assert len(images) == len(order) - 1


def test_images_that_all_have_one_stamp_go_on() -> None:
    camera = Camera()
    camera.play([(n * FRAME, "image", 0.0) for n in range(60)])
    assert len(camera.frames) > 30


def test_an_exception_downstream_does_not_stop_the_pairing() -> None:
    camera = Camera()
    camera.broken = True
    camera.pairing.add_image(message(1))
    with pytest.raises(RuntimeError, match="downstream"):
        camera.pairing.add_depth(message(1))
    camera.broken = False
    camera.pairing.add_image(message(2))
    camera.pairing.add_depth(message(2))
    assert camera.frames == [(2.0, 2.0)]


class TestLateness:
    def late(self, **options: Any) -> Camera:
        camera = Camera(**options)
        camera.play(stream("image", 90) + stream("depth", 90, late=0.7))
        return camera

    def test_depth_that_comes_too_late_is_told_with_numbers(self) -> None:
        camera = self.late()
        facts = camera.pairing.facts()
        assert (facts.pairs, facts.alone, facts.late) == (0, True, "depth")
        assert facts.late_sec == pytest.approx(0.7, abs=0.06)
        assert facts.kept_sec == pytest.approx(10 * FRAME, abs=0.03)
        assert facts.apart_sec == pytest.approx(0.0)

    def test_who_follows_the_numbers_has_depth(self) -> None:
        facts = self.late().pairing.facts()
        assert facts.queue_needed > 10
        camera = self.late(queue_size=facts.queue_needed, wait_sec=facts.wait_needed_sec)
        assert set(camera.apart_ms) == {0.0}
        assert len(camera.apart_ms) > 60

    def test_colour_that_comes_too_late_as_well(self) -> None:
        camera = Camera()
        camera.play(stream("image", 90, late=0.7) + stream("depth", 120))
        facts = camera.pairing.facts()
        assert facts.late == "image"
        camera = Camera(queue_size=facts.queue_needed, wait_sec=facts.wait_needed_sec)
        camera.play(stream("image", 90, late=0.7) + stream("depth", 120))
        assert len(camera.apart_ms) > 60


@settings(max_examples=60, deadline=None)
@given(
    lost_images=st.sets(st.integers(0, 39), max_size=20),
    lost_depths=st.sets(st.integers(0, 39), max_size=20),
    jitter=st.lists(st.floats(0.0, 0.03), min_size=80, max_size=80),
    late=st.floats(0.0, 0.2),
)
def test_whatever_is_lost_only_equal_stamps_are_paired_where_there_are_any(
    lost_images: set[int], lost_depths: set[int], jitter: list[float], late: float
) -> None:
    camera = Camera(slop_sec=0.02)
    images = stream("image", 40, lost=lost_images)
    depths = stream("depth", 40, late=late, lost=lost_depths)
    events = [
        (came + wobble, kind, at)
        for (came, kind, at), wobble in zip(images + depths, jitter, strict=False)
    ]
    camera.play(events)
    assert set(camera.apart_ms) <= {0.0}
    given_on = [image for image, _ in camera.frames]
    # Once alone and once with the depth that came after all, at most.
    assert all(given_on.count(image) <= 2 for image in given_on)

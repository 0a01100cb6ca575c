"""Pictures on their way to browsers: made once, and dropped where they are late."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array
from ppcr_ros.web.pictures import Picture, PictureMaker, Shot, looks_alike, make_picture
from ppcr_ros.web.thumbnails import PictureStore


def scene(level: int = 60, width: int = 64, height: int = 48) -> Array:
    rgb = np.full((height, width, 3), level, np.uint8)
    rgb[10:30, 10:30] = (200, 40, 40)
    return rgb


def shot(level: int = 60, **values: Any) -> Shot:
    return Shot(rgb=lambda: scene(level), **values)


class Shown:
    """What a maker has shown; a picture can be held up."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.problems: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, picture: Picture) -> None:
        self.pictures.append(picture)
        self.go.wait(60.0)


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def maker(shown: Shown) -> Iterator[PictureMaker]:
    made = PictureMaker(shown, lambda: True, shown.problems.append, max_rate_hz=60.0)
    yield made
    shown.go.set()
    made.close()


def test_a_picture_is_the_image_as_jpeg() -> None:
    picture = make_picture(shot(), 7)
    image = Image.open(io.BytesIO(picture.jpeg))
    assert (image.format, image.size) == ("JPEG", (64, 48))
    red, green, _ = image.getpixel((20, 20))  # type: ignore[misc]
    assert red > 150 > green, "red, green, blue: not the other way round"
    assert (picture.number, picture.width_px, picture.height_px) == (7, 64, 48)
    assert picture.gist.shape == (6, 8)


def test_what_came_as_jpeg_is_handed_on_as_it_is() -> None:
    file = io.BytesIO()
    Image.fromarray(scene()).save(file, "JPEG")

    def never() -> Array:
        raise AssertionError("nobody needs the pixels")

    picture = make_picture(Shot(rgb=never, jpeg=file.getvalue()), 1)
    assert picture.jpeg == file.getvalue()
    assert (picture.width_px, picture.height_px) == (64, 48)
    assert looks_alike(picture.gist, make_picture(shot(), 1).gist, [np.array([8, 8, 40, 40])])


def test_images_that_come_meanwhile_are_dropped_but_for_the_newest(
    maker: PictureMaker, shown: Shown, eventually: Callable[..., Any]
) -> None:
    shown.go.clear()
    maker.offer(shot(stamp_ns=1))
    eventually(lambda: shown.pictures)
    for stamp_ns in range(2, 30):
        maker.offer(shot(stamp_ns=stamp_ns))
    shown.go.set()
    eventually(lambda: len(shown.pictures) == 2)
    assert [item.shot.stamp_ns for item in shown.pictures] == [1, 29]


def test_nothing_is_made_while_nobody_looks(shown: Shown, eventually: Callable[..., Any]) -> None:
    looks, made = threading.Event(), []

    def pixels() -> Array:
        made.append(1)
        return scene()

    with PictureMaker(shown, looks.is_set) as maker:
        maker.offer(Shot(rgb=pixels, stamp_ns=5))
        assert not made
        looks.set()
        eventually(lambda: shown.pictures)
        assert shown.pictures[0].shot.stamp_ns == 5


def test_the_same_image_again_is_not_encoded_again(
    maker: PictureMaker, shown: Shown, eventually: Callable[..., Any]
) -> None:
    key = object()
    maker.offer(shot(stamp_ns=1, same_as=key))
    eventually(lambda: len(shown.pictures) == 1)
    maker.offer(shot(stamp_ns=2, same_as=key))
    eventually(lambda: len(shown.pictures) == 2)
    first, second = shown.pictures
    assert second.shot.stamp_ns == 2
    assert second.jpeg is first.jpeg
    assert second.number == first.number


def test_an_unusable_image_is_told_and_the_next_one_shown(
    maker: PictureMaker, shown: Shown, eventually: Callable[..., Any]
) -> None:
    def broken() -> Array:
        raise InvalidFrameError("its encoding is 'nv99'; expected rgb8")

    maker.offer(Shot(rgb=broken))
    eventually(lambda: shown.problems)
    assert "its encoding is 'nv99'" in shown.problems[0]
    maker.offer(shot())
    eventually(lambda: shown.pictures)


def test_looking_alike_is_asked_of_the_marked_place_alone() -> None:
    before = make_picture(shot(), 1).gist
    changed = scene()
    changed[36:, 40:] = 255
    after = make_picture(Shot(rgb=lambda: changed), 2).gist
    noise = np.random.default_rng(0).normal(0, 6, changed.shape)
    noisy = np.clip(scene() + noise, 0, 255).astype(np.uint8)
    here, there = np.array([8, 8, 30, 30]), np.array([40, 36, 64, 48])
    assert looks_alike(before, after, [here])
    assert not looks_alike(before, after, [here, there])
    assert looks_alike(before, make_picture(Shot(rgb=lambda: noisy), 3).gist, [here, there])
    assert not looks_alike(before, before[:-1], [here]), "another size is another picture"


def test_pictures_are_found_by_their_stamps() -> None:
    store = PictureStore()
    second = 1_000_000_000
    still = make_picture(shot(stamp_ns=10 * second), 1)
    store.keep(still)
    later = Shot(rgb=still.shot.rgb, stamp_ns=20 * second)
    store.keep(Picture(1, still.jpeg, 64, 48, later, still.gist))
    store.keep(make_picture(shot(level=90, stamp_ns=21 * second), 2))
    assert store.at(15 * second) is still, "it was shown all the while"
    assert store.at(21 * second + 1000) is not still
    assert store.at(30 * second) is None
    assert store.at(second) is None
    assert store.at(0) is None

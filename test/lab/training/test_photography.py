"""Pictures as other cameras would have taken them."""

from __future__ import annotations

import numpy as np

from ppcr_lab.training.photography import photographed


def picture() -> tuple[np.ndarray, np.ndarray]:
    rgb = np.full((60, 80, 3), (150, 120, 90), np.uint8)
    things = np.zeros((60, 80), bool)
    things[20:40, 30:50] = True
    rgb[things] = (200, 20, 20)
    return rgb, things


def test_pictures_keep_their_shape_and_differ() -> None:
    rgb, things = picture()
    seen = [photographed(rgb, things, np.random.default_rng(seed)) for seed in range(40)]
    assert all(image.shape == rgb.shape and image.dtype == np.uint8 for image in seen)
    assert len({image.tobytes() for image in seen}) == 40
    brightness = [float(image.mean()) for image in seen]
    assert max(brightness) > 1.8 * min(brightness)


def test_the_same_generator_gives_the_same_picture() -> None:
    rgb, things = picture()
    one, other = (photographed(rgb, things, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, other)


def test_another_table_leaves_the_things_their_colour() -> None:
    rgb, things = picture()
    tables = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        image = photographed(rgb, things, rng, unchanged=0.0, other_table=1.0)
        red, green, blue = image[25:35, 35:45].reshape(-1, 3).mean(axis=0)
        assert red > green
        assert red > blue
        tables.append(image[:10, :10].reshape(-1, 3).mean(axis=0))
    spread = np.array(tables).std(axis=0)
    assert spread.min() > 20.0


def test_a_picture_of_one_thing_alone_is_no_trouble() -> None:
    rgb = np.full((20, 20, 3), 90, np.uint8)
    for seed in range(20):
        photographed(rgb, np.ones((20, 20), bool), np.random.default_rng(seed), other_table=1.0)

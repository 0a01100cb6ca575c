"""Messages that no driver should send, and some do: further rows in docs/grasping.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ppcr_lab.evaluation.camera_scenes import LENSES, View, camera_info, image, millimetres
from ppcr_lab.evaluation.camera_situations import (
    Cure,
    Make,
    Sent,
    Situation,
    in_frame,
    plain,
    set_options,
    through,
)

RAW_TOPIC = "/camera/image_raw"
_BASELINE_M = 0.12


def with_lens(**fields: Any) -> Make:
    """A raw image of a webcam whose camera_info has ``fields``."""
    lens = LENSES["webcam"]
    through_lens = through("webcam", raw=True, topic=RAW_TOPIC)

    def make(view: View) -> Sent:
        info = camera_info(lens.k, lens.p, d=list(lens.d))
        vars(info).update(fields)
        return replace(through_lens(view), info=info)

    return make


def nameless(*roles: str) -> Make:
    """Messages of these roles without a frame_id."""

    def make(view: View) -> Sent:
        sent = in_frame("camera_color_optical_frame", true_frame=True)(view)
        for role in roles:
            getattr(sent, role).header.frame_id = ""
        return sent

    return make


def slashed(view: View) -> Sent:
    """As drivers of old name frames: some with a slash in front, some without."""
    sent = plain(view)
    sent.depth.header.frame_id = f"/{sent.depth.header.frame_id}"
    return sent


def second_camera(view: View) -> Sent:
    """The right camera of a stereo pair: its P places things in the left one's frame."""
    info = camera_info(view.matrix, view.matrix)
    info.p[3] = -_BASELINE_M * float(view.matrix[0, 0])
    return plain(view, info=info, topic="/stereo/right/image_rect")


def depth_of_twice_the_size(view: View) -> Sent:
    large = np.repeat(np.repeat(millimetres(view.depth_m), 2, axis=0), 2, axis=1)
    return plain(view, depth=image(large, "16UC1"))


def depth_of_eight_bits(view: View) -> Sent:
    grey = (np.clip(view.depth_m / 4.0, 0.0, 1.0) * 255).astype(np.uint8)
    return plain(view, depth=image(grey, "mono8"))


def of_another_lens(focal: float) -> Make:
    """Depth of a wider or a narrower lens, under the colour image's size and frame."""
    scale = np.array([[focal, 1, 1], [1, focal, 1], [1, 1, 1]])
    return lambda view: plain(
        view, depth=image(millimetres(view.through(view.matrix * scale).depth_m), "16UC1")
    )


def turned_depth(turn: Any) -> Make:
    """Depth indexed by ``turn``: as from a camera that hangs upside down, of which one driver node
    turns the colour image and nobody the depth."""
    return lambda view: plain(view, depth=image(millimetres(view.depth_m)[turn], "16UC1"))


def along_the_line_of_sight(view: View) -> Sent:
    """What simulators and time-of-flight cameras may send: the distance from the lens."""
    columns, rows = np.meshgrid(np.arange(view.mask.shape[1]), np.arange(view.mask.shape[0]))
    x = (columns - view.matrix[0, 2]) / view.matrix[0, 0]
    y = (rows - view.matrix[1, 2]) / view.matrix[1, 1]
    distance_m = view.depth_m * np.sqrt(x * x + y * y + 1.0)
    return plain(view, depth=image(distance_m.astype("<f4"), "32FC1"))


def inverse_depth(view: View) -> Sent:
    """What networks give that work depth out of one picture."""
    return plain(view, depth=image((1.0 / np.maximum(view.depth_m, 0.1)).astype("<f4"), "32FC1"))


def big_endian_in_words_alone(view: View) -> Sent:
    return plain(view, depth=image(millimetres(view.depth_m), "16UC1", big_endian=True))


def without_steps(view: View) -> Sent:
    sent = plain(view)
    sent.image.step = sent.depth.step = 0
    return sent


def saturated(view: View) -> Sent:
    """The largest number of 16 bits, in every third pixel, in the place of a distance."""
    values = millimetres(view.depth_m).copy()
    values[:, ::3] = 65535
    return plain(view, depth=image(values, "16UC1"))


def stretched(view: View) -> Sent:
    """K of a 16:9 image, scaled to the size of one that was cut to 4:3."""
    matrix = view.matrix * np.array([[0.75, 1, 1], [1, 1, 1], [1, 1, 1]])
    return plain(view, info=camera_info(matrix, matrix))


def unbent(sent: Sent) -> Sent:
    """Somebody has named the rectified image."""
    return plain(sent.view, topic="/camera/image_rect")


def as_it_should_be(sent: Sent) -> Sent:
    """Somebody has named the right topic."""
    return plain(sent.view)


NAMED: Cure = set_options(optical_frame_id="camera_optical", ignore_frame_ids=True)

ODDITIES = (
    Situation("any", "depth without a frame_id", nameless("depth"), "has no frame_id", NAMED),
    Situation(
        "any", "no frame_id at all", nameless("image", "depth", "info"), "have no frame_id", NAMED
    ),
    Situation("any of ROS 1", "", slashed, shape="some frames with a slash in front"),
    Situation(
        "a stereo camera", "the second camera's P", second_camera,
        "Name the first camera's image", as_it_should_be,
    ),
    Situation(
        "a stereo camera", "the second camera's P, a frame of its own", second_camera,
        "set camera.image_geometry to raw", set_options(image_geometry="raw"),
    ),
    Situation(
        "any", "depth of twice the size", depth_of_twice_the_size,
        "the depth cannot be used", as_it_should_be,
    ),
    Situation(
        "any", "depth of a wider lens", of_another_lens(0.7), "far better larger", as_it_should_be
    ),
    Situation(
        "any", "depth of a narrower lens", of_another_lens(1.4), "far better smaller",
        as_it_should_be,
    ),
    Situation(
        "any", "depth of 8 bits", depth_of_eight_bits,
        "the depth cannot be used", as_it_should_be,
    ),
    Situation(
        "any, upside down", "depth turned by 180 degrees", turned_depth(np.s_[::-1, ::-1]),
        "turned by 180 degrees", as_it_should_be,
    ),
    Situation(
        "any", "depth mirrored left to right", turned_depth(np.s_[:, ::-1]),
        "mirrored left to right", as_it_should_be,
    ),
    Situation(
        "any", "depth mirrored top to bottom", turned_depth(np.s_[::-1]),
        "mirrored top to bottom", as_it_should_be,
    ),
    Situation(
        "a simulator", "distance along the line of sight", along_the_line_of_sight,
        "the distance along each line of sight", as_it_should_be,
    ),
    Situation(
        "a network", "inverse depth", inverse_depth, "inverse depth or disparity", as_it_should_be
    ),
    Situation("any", "", big_endian_in_words_alone, shape="depth said to be big-endian"),
    Situation("any", "", without_steps, shape="steps of 0"),
    Situation("any", "", saturated, shape="65535 for what is unknown"),
    Situation(
        "any", "K of a wider image, scaled", stretched, "a sensor's pixels are square",
        as_it_should_be,
    ),
    Situation(
        "usb_cam", "three coefficients of distortion", with_lens(d=[0.1, 0.2, 0.3]),
        "no model that is known here", unbent,
    ),
    Situation(
        "usb_cam", "coefficients that are no numbers", with_lens(d=[float("nan")] * 5),
        "some no numbers", unbent,
    ),
    Situation(
        "usb_cam", "K is zero, P is not", with_lens(k=[0.0] * 9),
        "K is zero", unbent,
    ),
)  # fmt: skip
"""All of them."""

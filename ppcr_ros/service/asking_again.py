"""Words by which a target that tracking has lost is asked for again. ROS-free, as the worker is."""

from __future__ import annotations

import re

from ppcr_ros.core.reading.deixis import pointed, with_object
from ppcr_ros.core.types import Result

_NAMELESS = re.compile(r"(?:.* the |the )?(?:object|thing)\b")


def words_for_again(found: Result) -> str:
    """What the models are to be asked for again what ``found`` has found; "" for nothing.

    What a reply has chosen is asked for by its own words: ``the left one`` would be another thing
    without the question. What was only pointed at has no words, and something else may lie at the
    point by now.
    """
    command = found.asked_for or found.command
    points = pointed(with_object(command))
    if points is None or not (points.alone or found.point_xy_px):
        return "" if found.asked_for and _NAMELESS.match(command) else command
    name = "" if found.segmentation is None else found.segmentation.instances[0].words
    goes_somewhere = found.semantic is not None and found.semantic.destination
    if name and not _NAMELESS.match(name) and not goes_somewhere:
        return f"the {name}"  # one of several, which the point has told
    return "" if _NAMELESS.match(points.named) else points.named

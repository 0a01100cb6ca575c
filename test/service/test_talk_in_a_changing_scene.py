"""Replies, clicks and lost targets where the scene is another one than when it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import ResultLog
from ppcr_ros.core.config import Config, NodeConfig
from ppcr_ros.core.live_config import ConfigSource, LiveConfig
from ppcr_ros.core.tracking import TrackedTarget
from ppcr_ros.core.types import (
    Array,
    Candidate,
    Frame,
    ModelNames,
    Result,
    Segmentation,
    SemanticPrompt,
    Status,
)
from ppcr_ros.drawing import draw_result
from ppcr_ros.service.asking_again import words_for_again
from ppcr_ros.service.requests import Snapshot
from ppcr_ros.service.worker import CommandWorker

Box = tuple[int, int, int, int]
HEIGHT, WIDTH = 80, 120
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 40, 230)}
PLACES: dict[str, Box] = {
    "red": (10, 20, 30, 40),
    "green": (60, 20, 90, 50),
    "blue": (96, 50, 116, 70),
}
CHANGED: dict[str, Box] = {**PLACES, "green": (96, 45, 116, 75), "blue": (60, 25, 80, 45)}
ON_BLUE_NOW = 70.0, 35.0


def mask_of(box: Box) -> Array:
    mask: Array = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


class Mugs:
    """Three mugs: asks back which one ``the mug`` is, and finds those of a colour or at a point."""

    models = placements = ModelNames()
    configuration: ConfigSource = LiveConfig(Config())

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.places = dict(PLACES)
        self.unclear: set[str] = {"the mug"}
        self.lost = ""
        self.gate = threading.Event()
        self.gate.set()

    def run(self, frame: Any, command: Any, point_xy_px: Any = None, **more: Any) -> Result:
        words, point = command.text, point_xy_px
        self.asked.append((words, point))
        self.gate.wait(20)
        begun = Result(
            Status.OK,
            words,
            command_id=more["command_id"],
            stamp_ns=frame.stamp_ns,
            point_xy_px=point,
        )
        if words in self.unclear:
            return replace(
                begun,
                status=Status.AMBIGUOUS,
                semantic=SemanticPrompt("mugs", "mug", ambiguous=True),
                candidates=tuple(
                    Candidate(n, np.array(box, np.float32), mask_of(box), f"{colour} mug", 0.9)
                    for n, (colour, box) in enumerate(self.places.items(), 1)
                ),
                question="Which?",
            )
        for colour, (x1, y1, x2, y2) in self.places.items():
            if colour in words or (point and x1 <= point[0] < x2 and y1 <= point[1] < y2):
                semantic = None if point else SemanticPrompt(colour, "mug", (colour,))
                found = Segmentation.from_mask(mask_of((x1, y1, x2, y2)), 0.9)
                return replace(begun, semantic=semantic, segmentation=found)
        return replace(begun, status=Status.NOT_FOUND)

    def tracker(self, options: Any = None) -> Any:
        return self

    def start(self, frame: Any, segmentation: Segmentation, semantic: Any = None) -> None:
        self.followed = segmentation

    def update(self, frame: Any) -> TrackedTarget:
        lost, self.lost = self.lost, ""
        return TrackedTarget(self.followed, 0.9, 0.1, lost)

    def memory_report(self) -> None: ...

    def read(self, frame: Frame) -> Any: ...

    def close(self) -> None: ...


class Talk:
    def __init__(self, eventually: Any, **node: Any) -> None:
        self.eventually, self.mugs, self.log, self.shown = eventually, Mugs(), ResultLog(), 0
        config = Config(node=NodeConfig(track_max_rate_hz=240.0, **node))
        self.worker = CommandWorker(self.mugs, LiveConfig(config), self.log)
        self.worker.start()
        self.show()

    def show(self, scale: int = 1) -> Frame:
        self.shown += 1
        rgb = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        for colour, (x1, y1, x2, y2) in self.mugs.places.items():
            rgb[y1:y2, x1:x2] = COLOURS[colour]
        rgb = rgb.repeat(scale, axis=0).repeat(scale, axis=1)
        frame = Frame(rgb, stamp_ns=self.shown * 100_000_000)
        self.worker.offer(Snapshot(lambda: frame, stamp_ns=frame.stamp_ns))
        return frame

    def change(self) -> None:
        self.mugs.places = dict(CHANGED)
        self.show()

    def say(self, words: str, **more: Any) -> Result:
        return self.ended(self.worker.submit(words, **more))

    def ended(self, command_id: str, count: int = 1) -> Result:
        """The last answer to a command, of ``count``."""

        def answers() -> list[Result]:
            every = list(self.log.results)
            return [r for r in every if r.command_id == command_id and not r.tracked]

        self.eventually(lambda: len(answers()) >= count)
        return answers()[-1]

    def lose(self) -> Result:
        """The target is lost in the next image: what is said of it."""
        self.eventually(lambda: self.worker.report().state == "tracking")
        self.mugs.lost = "it is hidden."
        self.show()
        self.eventually(lambda: any(r.tracked for r in list(self.log.results)))
        return next(r for r in list(self.log.results) if r.tracked)


@pytest.fixture
def make_talk(eventually: Any, closed_at_end: Callable[[Talk], Talk]) -> Callable[..., Talk]:
    return lambda **node: closed_at_end(Talk(eventually, **node))


def box_of(result: Result) -> Box:
    assert result.segmentation is not None
    x1, y1, x2, y2 = (int(value) for value in result.segmentation.box_xyxy_px)
    return x1, y1, x2, y2


@pytest.mark.parametrize("words", ["", "that one", "this one please"])
def test_a_point_is_on_what_lies_there_now(make_talk: Callable[..., Talk], words: str) -> None:
    talk = make_talk()
    talk.say("the mug")
    talk.change()
    result = talk.say(words, point_xy_px=ON_BLUE_NOW)
    assert box_of(result) == CHANGED["blue"]
    assert talk.mugs.asked == [("the mug", None), (words, ON_BLUE_NOW)]
    assert (result.status, result.point_xy_px) == (Status.OK, ON_BLUE_NOW)


def test_a_choice_by_a_point_has_that_point(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk()
    talk.say("the mug")
    result = talk.say("that one", point_xy_px=(75.0, 35.0))
    assert (box_of(result), result.point_xy_px) == (PLACES["green"], (75.0, 35.0))


@pytest.mark.parametrize(
    ("reply", "point", "words", "changed"),
    [
        ("the left one", None, "the red mug", False),
        ("number two", None, "the green mug", False),
        ("number two", None, "the green mug", True),
        ("the blue one", None, "the blue mug", True),
        ("", (75.0, 35.0), "the green mug", False),
        ("this one", (75.0, 35.0), "the green mug", False),
    ],
)
def test_what_a_reply_chose_is_asked_for_again_by_its_own_words(
    make_talk: Callable[..., Talk], reply: str, point: Any, words: str, changed: bool
) -> None:
    talk = make_talk(mode="track")
    talk.say("the mug")
    if changed:
        talk.change()
    chosen = talk.say(reply, point_xy_px=point)
    for count in (2, 3):  # it may be lost again
        assert "the MLLM is asked again" in talk.lose().message
        again = talk.ended(chosen.command_id, count)
        assert talk.mugs.asked[-1] == (words, None)
        assert (again.status, again.command) == (Status.OK, chosen.command)
        assert box_of(again) == box_of(chosen)
        talk.log.results[:] = [result for result in talk.log.results if not result.tracked]


@pytest.mark.parametrize("words", ["", "this one"])
def test_what_was_only_pointed_at_is_not_asked_for_again(
    make_talk: Callable[..., Talk], words: str
) -> None:
    talk = make_talk(mode="track", track_reask_sec=0.01)
    talk.say(words, point_xy_px=(75.0, 35.0))
    lost = talk.lose()
    assert lost.status is Status.LOW_CONFIDENCE
    assert "tracking ends, for no words tell which one it was" in lost.message
    assert lost.say == "I have lost what you point at."
    talk.eventually(lambda: talk.worker.report().state == "idle")
    assert len(talk.mugs.asked) == 1


def test_words_that_ask_again() -> None:
    point = 5.0, 5.0
    mask = np.ones((4, 4), np.bool_)

    def named(words: str) -> Segmentation:
        item = replace(Segmentation.from_mask(mask, 0.9).instances[0], words=words)
        return Segmentation.union((item,))

    said = Result(Status.OK, "the red mug")
    assert words_for_again(said) == "the red mug"
    assert words_for_again(replace(said, point_xy_px=point)) == "the red mug"
    here = Result(Status.OK, "the mug here", point_xy_px=point)
    assert words_for_again(here) == "the mug"
    assert words_for_again(replace(here, segmentation=named("blue mug"))) == "the blue mug"
    this = Result(Status.OK, "put this in the bowl", point_xy_px=point)
    assert words_for_again(this) == ""
    bowl = SemanticPrompt("mug", "mug", destination="bowl")
    put = replace(this, command="put this mug in the bowl", semantic=bowl)
    put = replace(put, segmentation=named("blue mug"))
    assert words_for_again(put) == "put the mug in the bowl"
    for nameless in ("the object on the left", "the object that you point at"):
        assert words_for_again(replace(said, asked_for=nameless)) == ""


def test_what_tracking_asks_back_can_be_answered(make_talk: Callable[..., Talk]) -> None:
    talk = make_talk(mode="track")
    asked = talk.say("the red mug")
    talk.mugs.unclear.add("the red mug")
    talk.lose()
    assert talk.ended(asked.command_id, 2).status is Status.AMBIGUOUS
    result = talk.say("number two")
    assert (box_of(result), result.reply_to) == (PLACES["green"], asked.command_id)


def test_a_reply_does_not_join_the_search_for_what_it_chose_before(
    make_talk: Callable[..., Talk],
) -> None:
    talk = make_talk(mode="track")
    talk.say("the mug")
    chosen = talk.say("number two")
    talk.mugs.gate.clear()
    talk.lose()
    talk.eventually(lambda: len(talk.mugs.asked) == 2)
    again = talk.worker.submit("number two")
    talk.mugs.gate.set()
    assert talk.ended(chosen.command_id, 2).status is Status.CANCELLED
    assert box_of(talk.ended(again)) == PLACES["green"]


def test_a_question_about_another_image_ends_the_one_before(
    make_talk: Callable[..., Talk],
) -> None:
    talk = make_talk()
    talk.say("the mug")
    own = Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert talk.say("the mug", image=Snapshot(lambda: own)).status is Status.AMBIGUOUS
    result = talk.say("number two")
    assert (result.status, result.reply_to) == (Status.NOT_FOUND, "")


def test_another_image_without_a_question_leaves_the_talk_alone(
    make_talk: Callable[..., Talk],
) -> None:
    talk = make_talk()
    asked = talk.say("the mug")
    own = Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    talk.say("the green mug", image=Snapshot(lambda: own))
    assert talk.say("number two").reply_to == asked.command_id


@pytest.mark.parametrize("end", ["no image", "overtaken"])
def test_a_full_command_that_never_had_its_turn_starts_anew(
    make_talk: Callable[..., Talk], end: str
) -> None:
    talk = make_talk(frame_timeout_sec=0.2 if end == "no image" else 20.0, max_image_age_sec=0.0)
    command_id = talk.worker.submit("the mug")
    talk.show()
    talk.ended(command_id)
    bowl = talk.worker.submit("the white bowl")
    if end == "overtaken":
        talk.worker.cancel(bowl, "never mind.")
    assert talk.ended(bowl).status in (Status.ERROR, Status.CANCELLED)
    left = talk.worker.submit("number two")
    talk.show()
    assert talk.ended(left).reply_to == ""
    assert [words for words, _ in talk.mugs.asked] == ["the mug", "number two"]


def test_a_reply_that_never_had_its_turn_leaves_the_question_open(
    make_talk: Callable[..., Talk],
) -> None:
    talk = make_talk(max_image_age_sec=0.0)
    command_id = talk.worker.submit("the mug")
    talk.show()
    asked = talk.ended(command_id)
    late = talk.worker.submit("the left one")
    talk.worker.cancel(late, "too late.")
    assert talk.ended(late).status is Status.CANCELLED
    right = talk.worker.submit("number two")
    talk.show()
    assert talk.ended(right).reply_to == asked.command_id


@pytest.mark.parametrize("scale", [1, 2])
def test_what_is_asked_once_more_is_shown_in_the_image_that_it_is_about(
    make_talk: Callable[..., Talk], scale: int
) -> None:
    talk = make_talk()
    asked = talk.say("the mug")
    talk.mugs.places = dict(CHANGED)
    talk.show(scale)
    result = talk.say("not the red one")
    frame = talk.log.frames[-1]
    assert (result.status, len(result.candidates)) == (Status.AMBIGUOUS, 2)
    assert frame is not None
    assert frame.stamp_ns == result.stamp_ns == asked.stamp_ns
    assert draw_result(frame.rgb, result, 0.4).shape == (HEIGHT, WIDTH, 3)

"""A question, and the reply to it, through the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import ResultLog
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, DialogConfig
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.live_config import ConfigSource, LiveConfig
from ppcr_ros.core.run import OnStage
from ppcr_ros.core.types import (
    Candidate,
    Frame,
    ModelNames,
    Result,
    Segmentation,
    SemanticPrompt,
    Status,
)
from ppcr_ros.service.answering import DECLINED_MESSAGE
from ppcr_ros.service.requests import Snapshot
from ppcr_ros.service.worker import CommandWorker

Eventually = Callable[[Callable[[], Any]], Any]
HEIGHT, WIDTH = 80, 120
BOXES = {1: (10, 20, 30, 40), 2: (60, 20, 90, 50), 3: (96, 50, 116, 70)}
NAMES = {1: "red mug", 2: "green mug", 3: "blue mug"}


def mask_of(number: int) -> Any:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    x1, y1, x2, y2 = BOXES[number]
    mask[y1:y2, x1:x2] = True
    return mask


class AskingPipeline:
    """Asks back which mug is meant; finds what it is told in other words."""

    models = placements = ModelNames()
    configuration: ConfigSource = LiveConfig(Config())

    def __init__(self, score: float = 0.9, evidence: Evidence | None = None) -> None:
        self.asked: list[str] = []
        self.points: list[tuple[float, float] | None] = []
        self.score, self.evidence = score, evidence

    def run(
        self,
        frame: Any,
        command: Any,
        on_stage: OnStage | None = None,
        cancel: CancelToken | None = None,
        command_id: str = "",
        point_xy_px: tuple[float, float] | None = None,
    ) -> Result:
        command = command.text
        self.asked.append(command)
        self.points.append(point_xy_px)
        begun = Result(
            Status.OK, command, command_id=command_id, stamp_ns=frame.stamp_ns, frame_id="camera"
        )
        if command != "the mug":
            return replace(begun, segmentation=Segmentation.from_mask(mask_of(1), 0.9))
        candidates = tuple(
            Candidate(
                n, np.array(BOXES[n], np.float32), mask_of(n), NAMES[n], self.score, self.evidence
            )
            for n in BOXES
        )
        semantic = SemanticPrompt("mugs", "mug", confidence=0.4, ambiguous=True)
        return replace(
            begun,
            status=Status.AMBIGUOUS,
            semantic=semantic,
            candidates=candidates,
            question="Which?",
        )

    def memory_report(self) -> None: ...

    def read(self, frame: Frame) -> Any: ...

    def tracker(self, options: Any = None) -> Any: ...

    def close(self) -> None: ...


class Bench:
    def __init__(
        self,
        eventually: Eventually,
        timeout_sec: float = 30.0,
        score: float = 0.9,
        evidence: Evidence | None = None,
    ) -> None:
        self.eventually = eventually
        self.pipeline, self.outlet = AskingPipeline(score, evidence), ResultLog()
        config = Config(dialog=DialogConfig(timeout_sec=timeout_sec))
        self.worker = CommandWorker(self.pipeline, LiveConfig(config), self.outlet)
        self.worker.start()
        self.show(0)

    def show(self, stamp_ns: int, moved: int = 0, light: int = 0) -> None:
        rgb = np.full((HEIGHT, WIDTH, 3), 90 + light, np.uint8)
        for number, (x1, y1, x2, y2) in BOXES.items():
            rgb[y1:y2, x1 + moved : x2 + moved] = 40 * number + light
        frame = Frame(rgb, stamp_ns=stamp_ns, frame_id="camera")
        self.worker.offer(Snapshot(lambda: frame, stamp_ns=stamp_ns, frame_id="camera"))

    def say(self, words: str, **more: Any) -> Result:
        count = len(self.outlet.results)
        self.worker.submit(words, **more)
        self.eventually(lambda: len(self.outlet.results) > count)
        return self.outlet.results[-1]


@pytest.fixture
def make_bench(
    eventually: Eventually, closed_at_end: Callable[[Bench], Bench]
) -> Callable[..., Bench]:
    return lambda **options: closed_at_end(Bench(eventually, **options))


@pytest.mark.parametrize(
    ("words", "number"),
    [("the left one", 1), ("the green one", 2), ("number three", 3), ("no, the right one", 3)],
)
def test_a_reply_chooses_without_the_mllm(
    make_bench: Callable[..., Bench], words: str, number: int
) -> None:
    bench = make_bench()
    asked = bench.say("the mug")
    bench.show(stamp_ns=5, light=20)
    result = bench.say(words)
    assert bench.pipeline.asked == ["the mug"]
    assert (result.status, result.stamp_ns, result.command) == (Status.OK, 5, words)
    assert result.segmentation is not None
    assert (result.segmentation.mask == mask_of(number)).all()
    assert result.reply_to == asked.command_id != result.command_id
    assert result.semantic is not None
    assert (result.semantic.attributes, result.semantic.category) == (
        (NAMES[number].split()[0],),
        "mug",
    )
    assert result.grasp is not None
    assert result.say == f"I see the {NAMES[number]}."
    assert [name for name, _ in bench.outlet.stages] == [result.command_id] * 3


def test_a_reply_takes_at_most_60_ms_with_no_mllm(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    taken = []
    for words in ("the left one", "the green one", "number three", "the right one"):
        started = time.perf_counter()
        bench.worker.submit(words)
        count = len(bench.outlet.results)
        bench.eventually(lambda count=count: len(bench.outlet.results) >= count)  # type: ignore[misc]
        taken.append(time.perf_counter() - started)
    assert all(result.seconds.total <= 0.06 for result in bench.outlet.results[-3:])


def test_another_one_may_be_chosen_afterwards(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    bench.say("the left one")
    result = bench.say("no, number two")
    assert result.segmentation is not None
    assert (result.segmentation.mask == mask_of(2)).all()
    last = bench.say("not that one, the other one")
    assert last.segmentation is not None
    assert (last.segmentation.mask == mask_of(3)).all()


def test_a_point_is_a_reply(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    for words in ("", "that one"):
        result = bench.say(words, point_xy_px=(75.0, 35.0))
        assert result.segmentation is not None
        assert (result.segmentation.mask == mask_of(2)).all()
    assert bench.pipeline.asked == ["the mug"]


def test_words_that_follow_a_point_are_about_it(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("", point_xy_px=(5.0, 5.0))
    bench.say("take this one")
    bench.say("this one")
    assert bench.pipeline.asked == ["", "take this one", "this one"]
    assert bench.pipeline.points == [(5.0, 5.0), (5.0, 5.0), None], "a point serves once"


def test_where_the_scene_has_changed_the_mllm_looks_for_what_was_chosen(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    asked = bench.say("the mug")
    bench.show(stamp_ns=9, moved=15)
    result = bench.say("the green one")
    assert bench.pipeline.asked == ["the mug", "the green mug"]
    assert (result.command, result.reply_to) == ("the green one", asked.command_id)


def test_what_no_candidate_is_called_is_looked_for(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    result = bench.say("the striped one")
    assert bench.pipeline.asked == ["the mug", "the striped mug"]
    assert result.command == "the striped one"


def test_what_does_not_decide_it_is_asked_about_again(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    again = bench.say("not the red one")
    assert again.status is Status.AMBIGUOUS
    assert [candidate.number for candidate in again.candidates] == [2, 3]
    assert again.question == "Do you mean the green mug, or the blue mug?"
    result = bench.say("the left one")
    assert result.segmentation is not None
    assert (result.segmentation.mask == mask_of(2)).all()


def test_a_full_command_starts_anew(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    assert bench.say("the white bowl").reply_to == ""
    assert bench.say("the left one").reply_to == "", "what was asked before it is forgotten"
    assert bench.pipeline.asked == ["the mug", "the white bowl", "the left one"]


def test_nothing_may_be_meant_after_all(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    result = bench.say("none of them")
    assert (result.status, result.message) == (Status.CANCELLED, DECLINED_MESSAGE)
    assert result.say


def test_a_question_is_forgotten_after_a_while(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(timeout_sec=0.0)
    bench.say("the mug")
    bench.say("the left one")
    assert bench.pipeline.asked == ["the mug", "the left one"]


def test_stop_forgets_a_question(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    bench.say("cancel that")
    bench.say("the left one")
    assert bench.pipeline.asked == ["the mug", "the left one"]


def test_an_image_of_its_own_is_no_reply(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.say("the mug")
    frame = Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    bench.say("the left one", image=Snapshot(lambda: frame))
    assert bench.pipeline.asked == ["the mug", "the left one"]


@pytest.mark.parametrize(
    "reply",
    [
        {"words": "the green one"},
        {"words": "number two"},
        {"words": "", "point_xy_px": (75.0, 35.0)},
    ],
)
def test_who_chooses_takes_the_doubt_between_the_candidates_away(
    make_bench: Callable[..., Bench], reply: dict[str, Any]
) -> None:
    evidence = Evidence(segmenter=0.9, agreement=0.8, spatial=0.9, semantic=0.4)
    bench = make_bench(score=0.47, evidence=evidence)
    bench.say("the mug")
    result = bench.say(**reply)
    found = result.segmentation
    assert (result.status, found is not None) == (Status.OK, True)
    assert found is not None
    assert found.score == pytest.approx((0.9 * 0.8 * 0.9) ** (1 / 3))
    assert found.evidence == replace(evidence, semantic=None)
    assert result.semantic is not None
    assert result.semantic.confidence == 1.0, "it is what a person means"
    assert result.grasp is not None
    assert "low confidence" not in result.grasp.reason


def test_a_bad_mask_stays_one_though_it_was_chosen(make_bench: Callable[..., Bench]) -> None:
    evidence = Evidence(segmenter=0.3, agreement=0.05, spatial=0.1, semantic=0.9)
    bench = make_bench(score=0.1, evidence=evidence)
    bench.say("the mug")
    result = bench.say("number two")
    assert result.status is Status.LOW_CONFIDENCE
    assert result.grasp is not None
    assert not result.grasp.graspable


def test_a_choice_of_which_the_segmenter_was_not_sure_is_not_ok(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(score=0.1)
    bench.say("the mug")
    result = bench.say("the left one")
    assert result.status is Status.LOW_CONFIDENCE
    assert "below pipeline.min_confidence" in result.message

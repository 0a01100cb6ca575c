"""State of the page as things happen, and whose commands they are."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppcr_ros.core.types import (
    Array,
    Candidate,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    StageSeconds,
    Status,
)
from ppcr_ros.web.board import MOST_ENTRIES, PageBoard
from ppcr_ros.web.pictures import Shot

STAMP_NS = 5_000_000_000
SEMANTIC = SemanticPrompt("a small green ball", "ball", ("small", "green"), confidence=0.9)
SPATIAL = SpatialPrompt("there", np.array([8, 8, 32, 32], np.float32), confidence=0.9)


def found() -> Segmentation:
    mask = np.zeros((48, 64), np.bool_)
    mask[8:32, 8:32] = True
    return Segmentation.from_mask(mask, 0.8)


def answer(command_id: str = "a", command: str = "the green ball", **values: Any) -> Result:
    whole = Result(
        Status.OK,
        command,
        command_id=command_id,
        stamp_ns=STAMP_NS,
        semantic=SEMANTIC,
        spatial=SPATIAL,
        segmentation=found(),
        seconds=StageSeconds(semantic=1.0, spatial=2.0, segmentation=3.0, total=6.5),
        say="I see it.",
    )
    return replace(whole, **values)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(clock: Clock) -> Iterator[PageBoard]:
    with PageBoard(clock=clock) as made:
        made.look()
        yield made


@pytest.fixture
def show(board: PageBoard, eventually: Callable[..., Any]) -> Callable[..., None]:
    """Has the board show a picture, and waits until it does."""

    def showing(level: int = 60, stamp_ns: int = STAMP_NS) -> None:
        def pixels() -> Array:
            return np.full((48, 64, 3), level, np.uint8)

        board.offer(Shot(rgb=pixels, stamp_ns=stamp_ns))
        eventually(lambda: (view := board.view.picture) and view.shot.stamp_ns == stamp_ns)

    return showing


def test_the_stages_come_one_after_the_other_with_their_seconds(
    board: PageBoard, clock: Clock
) -> None:
    own = board.start_run("the green ball").own
    clock.now = 101.5
    board.stage(SEMANTIC, "a", own)
    clock.now = 102.0
    board.stage(SPATIAL, "a")
    run = board.view.run
    assert run is not None
    assert [(item.name, item.seconds) for item in run.stages] == [
        ("semantic", 1.5),
        ("spatial", 0.5),
    ]
    assert [item.text for item in run.stages] == ["small green ball", "24 x 24 pixels at (8, 8)"]
    assert not run.ended
    board.add_result(answer())
    run = board.view.run
    assert run is not None
    assert run.ended
    assert [item.seconds for item in run.stages] == [1.0, 2.0, 3.0], "as the result says"


def test_a_stage_that_is_told_twice_counts_once(board: PageBoard) -> None:
    own = board.start_run("the green ball").own
    board.stage(SEMANTIC, "a", own)  # by the action's feedback, and by the topic
    board.stage(SEMANTIC, "a")
    board.add_result(answer())
    board.add_result(answer())
    view = board.view
    assert view.run is not None
    assert len(view.entries) == 1


def test_what_the_last_command_still_says_is_not_taken_for_the_new_ones(board: PageBoard) -> None:
    first = board.start_run("the first").own
    second = board.start_run("the second").own
    board.stage(SEMANTIC, "first", first)  # it was on its way
    board.stage(SPATIAL, "first")
    board.add_result(answer("first", "the first", status=Status.CANCELLED, segmentation=None))
    run = board.view.run
    assert run is not None
    assert (run.command, run.stages, run.ended) == ("the second", (), False)
    board.stage(SEMANTIC, "second", second)
    board.add_result(answer("second", "the second"))
    assert board.view.run is not None
    assert board.view.run.ended
    assert [item.result.status for item in board.view.entries] == [Status.OK, Status.CANCELLED]


def test_what_others_say_is_shown_too(board: PageBoard) -> None:
    board.stage(SEMANTIC, "theirs")
    run = board.view.run
    assert run is not None
    assert (run.own, run.stages[0].seconds) == (0, None)
    board.add_result(answer("theirs"))
    assert board.view.run is not None
    assert board.view.run.command == "the green ball"


def test_a_refusal_ends_the_run(board: PageBoard) -> None:
    board.start_run("the green ball")
    board.refuse_run("the node is not active.")
    view = board.view
    assert view.run is not None
    assert view.run.ended
    assert view.notice is not None
    assert view.notice.text == "the node is not active."


def test_marks_are_shown_while_the_picture_stays_as_it_was(
    board: PageBoard, show: Callable[..., None]
) -> None:
    show()
    board.add_result(answer())
    assert board.view.marks is board.view.entries[0]
    assert board.view.entries[0].thumbnail.startswith(b"\xff\xd8")
    show(level=200, stamp_ns=STAMP_NS + 1)
    assert board.view.marks is None
    show(stamp_ns=STAMP_NS + 2)
    assert board.view.marks is board.view.entries[0]
    board.start_run("another")
    show(stamp_ns=STAMP_NS + 3)
    assert board.view.marks is None


def test_nothing_is_marked_that_was_found_in_another_picture(
    board: PageBoard, show: Callable[..., None]
) -> None:
    show()
    board.add_result(answer(stamp_ns=STAMP_NS + 60_000_000_000))
    assert board.view.marks is None
    assert board.view.entries[0].thumbnail == b""


def test_a_thumbnail_is_cut_to_what_was_found(board: PageBoard, show: Callable[..., None]) -> None:
    show()
    mask = np.zeros((48, 64), np.bool_)
    mask[10:20, 10:20] = True
    board.add_result(answer(segmentation=Segmentation.from_mask(mask, 0.8)))
    board.add_result(Result(Status.NOT_FOUND, "the unicorn", command_id="n", stamp_ns=STAMP_NS))
    unicorn, ball = (
        np.asarray(Image.open(io.BytesIO(item.thumbnail))) for item in board.view.entries
    )
    assert ball.shape == unicorn.shape == (156, 208, 3), "of the picture's aspect"
    assert np.ptp(unicorn) < 20, "there is nothing in it"
    green = ball[..., 1].astype(int) - ball[..., 0] > 20
    assert green.mean() > 0.1, "of the whole picture it is 0.03"


def test_stop_takes_the_marks_away_and_is_no_result(
    board: PageBoard, show: Callable[..., None]
) -> None:
    show()
    board.add_result(answer())
    board.add_result(Result(Status.CANCELLED, "stop", command_id="s", cleared=True))
    show(stamp_ns=STAMP_NS + 1)
    view = board.view
    assert view.marks is None
    assert [item.result.command for item in view.entries] == ["the green ball"]


def test_a_followed_target_stays_one_result(board: PageBoard, show: Callable[..., None]) -> None:
    show()
    board.add_result(answer())
    small = board.view.entries[0].thumbnail
    show(stamp_ns=STAMP_NS + 100)
    board.add_result(answer(tracked=True, stamp_ns=STAMP_NS + 100, seconds=StageSeconds()))
    (entry,) = board.view.entries
    assert entry.result.tracked
    assert entry.thumbnail == small
    assert board.view.run is not None
    assert [item.seconds for item in board.view.run.stages] == [1.0, 2.0, 3.0]


def test_the_oldest_results_go(board: PageBoard) -> None:
    for number in range(MOST_ENTRIES + 3):
        board.add_result(answer(str(number)))
    assert len(board.view.entries) == MOST_ENTRIES
    assert board.view.entries[0].result.command_id == str(MOST_ENTRIES + 2)
    assert board.thumbnail(1) == b""


def test_a_browser_that_has_gone_is_looking_no_more(board: PageBoard, clock: Clock) -> None:
    assert board.watched
    clock.now += 10.0
    assert not board.watched
    board.look()
    assert board.watched


def test_the_camera_is_lost_after_a_while_but_not_while_it_is_held(
    board: PageBoard, show: Callable[..., None]
) -> None:
    assert board.view.camera_is_lost(0.0)
    show()
    picture = board.view.picture
    assert picture is not None
    came_sec = picture.shot.came_sec
    assert not board.view.camera_is_lost(came_sec + 1.0)
    assert board.view.camera_is_lost(came_sec + 5.0)
    board.set(paused=True)
    assert not board.view.camera_is_lost(came_sec + 5.0)


def test_candidates_are_marked_by_numbers(board: PageBoard, show: Callable[..., None]) -> None:
    show()
    box = np.array([8, 8, 32, 32], np.float32)
    fits = (Candidate(1, box, None, "<script>"), Candidate(2, box + 10, None, "the other"))
    board.add_result(
        answer(status=Status.AMBIGUOUS, segmentation=None, spatial=None, candidates=fits)
    )
    marks = board.view.marks
    assert marks is not None
    assert ">1</text>" in marks.svg
    assert ">2</text>" in marks.svg
    assert "script" not in marks.svg, "no words are drawn"

"""State of the page: one value, replaced as things happen, read by all."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ppcr_ros.core.closing import Closing
from ppcr_ros.core.types import (
    Array,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    StageOutput,
)
from ppcr_ros.web.overlay import marked_boxes, overlay_svg
from ppcr_ros.web.pictures import Picture, PictureMaker, Shot, looks_alike
from ppcr_ros.web.thumbnails import PictureStore, thumbnail

STAGES = ("semantic", "spatial", "segmentation")
LOST_AFTER_SEC = 2.5
"""A camera that has sent nothing for so long is lost."""
WATCHED_SEC = 10.0
"""So long somebody is taken to look, since a busy browser is silent for a while."""
MOST_ENTRIES = 12
_MOST_IDS = 50


@dataclass(frozen=True)
class Notice:
    """Something that a person should know, and what to do.

    Attributes:
        level: ``NOTE``, ``WARN`` or ``ERROR``.
        text: one or two sentences.
    """

    level: str
    text: str


@dataclass(frozen=True)
class StageEnd:
    """A stage that has ended.

    Attributes:
        name: one of `STAGES`.
        text: what came of it, in a few words.
        seconds: how long it took; None where nobody knows yet.
    """

    name: str
    text: str
    seconds: float | None


@dataclass(frozen=True, eq=False)
class ShownRun:
    """A command on its way, or the last one.

    Attributes:
        command: what was said; empty where only a point was given, or somebody else has said it.
        own: counts what was said on the page, from 1 on; 0 where somebody else has said it.
        command_id: the node's; empty until it is known.
        began_sec: when it was said, by ``time.monotonic()``; None where somebody else has said it.
        stages: those that have ended.
        ended: whether its result is there.
    """

    command: str
    own: int = 0
    command_id: str = ""
    began_sec: float | None = None
    stages: tuple[StageEnd, ...] = ()
    ended: bool = False


@dataclass(frozen=True, eq=False)
class ShownResult:
    """A result, as it is shown.

    Attributes:
        number: counts the entries of a board, from 1 on.
        result: the result.
        svg: what marks it in the picture; holds numbers alone, no text.
        thumbnail: a small JPEG with what was found; empty where the picture is not known.
        gist: of the picture that was searched; None where it is not known.
        boxes_xyxy_px: what is marked.
    """

    number: int
    result: Result
    svg: str = ""
    thumbnail: bytes = b""
    gist: Array | None = None
    boxes_xyxy_px: tuple[Array, ...] = ()


@dataclass(frozen=True, eq=False)
class PageView:
    """State of the page: everything that is shown.

    Attributes:
        title: what the page is about.
        problem: why nothing can be asked now; empty where it can.
        picture: the newest, or the one that is held; None where there was none.
        paused: whether it is held.
        run: the last command; None before the first.
        entries: the last results, the newest first.
        marks: the newest entry where its marks fit the picture; else None.
        findings: what is wrong.
        notice: what became of the last thing that was asked for, where there is something to say.
        examples: what may be said about the picture.
    """

    title: str = ""
    problem: str = ""
    picture: Picture | None = None
    paused: bool = False
    run: ShownRun | None = None
    entries: tuple[ShownResult, ...] = ()
    marks: ShownResult | None = None
    findings: tuple[Notice, ...] = ()
    notice: Notice | None = None
    examples: tuple[str, ...] = ()

    def camera_is_lost(self, now_sec: float) -> bool:
        """Whether no picture has come for a while, though one was waited for."""
        picture = self.picture
        late = picture is None or picture.age_sec(now_sec) > LOST_AFTER_SEC
        return late and not self.paused


@dataclass
class _BoardState:
    """State that the board keeps besides the view."""

    ids: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_IDS))
    entries: int = 0
    commands: int = 0
    marked: ShownResult | None = None
    """The result whose marks are shown wherever they fit the picture."""
    stage_sec: float = 0.0


class PageBoard(Closing):
    """The view, and the ways to change it; all of them may be called on any thread.

    Args:
        max_rate_hz: so many pictures a second at most.
        clock: seconds, steady.
    """

    def __init__(
        self, max_rate_hz: float = 15.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._changing = threading.Lock()
        self._view = PageView()
        self._state = _BoardState()
        self._kept = PictureStore()
        self._looked_sec = float("-inf")
        self._maker = PictureMaker(
            self._show,
            wanted=lambda: self.watched and not self._view.paused,
            on_problem=lambda text: self.set_notice(Notice("WARN", text)),
            max_rate_hz=max_rate_hz,
        )

    @property
    def view(self) -> PageView:
        """What is shown now; an immutable value."""
        return self._view

    @property
    def watched(self) -> bool:
        """Whether somebody has looked in the last seconds."""
        return self._clock() - self._looked_sec < WATCHED_SEC

    def look(self) -> None:
        """A browser looks; to be called again and again, for one that has gone says nothing."""
        self._looked_sec = self._clock()

    def set(self, **changes: Any) -> None:
        """Replace fields of the view: title, problem, paused, findings, examples."""
        with self._changing:
            self._view = replace(self._view, **changes)

    def set_notice(self, notice: Notice | None) -> None:
        """Say something, in place of what was said before."""
        self.set(notice=notice)

    def offer(self, shot: Shot) -> None:
        """The camera has sent an image; returns at once."""
        self._maker.offer(shot)

    def clear_marks(self) -> None:
        """The target was cleared, or another scene is shown."""
        with self._changing:
            self._state.marked = None
            self._view = replace(self._view, marks=None)

    def start_run(self, command: str) -> ShownRun:
        """A command was said on the page."""
        now_sec = self._clock()
        with self._changing:
            self._state.commands += 1
            run = ShownRun(command, own=self._state.commands, began_sec=now_sec)
            self._state.stage_sec, self._state.marked = now_sec, None
            self._view = replace(self._view, run=run, notice=None, marks=None)
        return run

    def stage(self, output: StageOutput, command_id: str, own: int = 0) -> None:
        """A stage has ended.

        Args:
            output: what came of it.
            command_id: the command's.
            own: of the run that is known to be this command's; 0 where that is not known.
        """
        name, text = describe_stage(output)
        with self._changing:
            run = self._run_of(command_id, own)
            if run is None or any(item.name == name for item in run.stages):
                return
            now_sec = self._clock()
            seconds = None if run.began_sec is None else now_sec - self._state.stage_sec
            self._state.stage_sec = now_sec
            stages = (*run.stages, StageEnd(name, text, seconds))
            self._view = replace(self._view, run=replace(run, command_id=command_id, stages=stages))

    def add_result(self, result: Result, camera_matrix: Array | None = None) -> None:
        """A command has ended; told twice, it counts once.

        Args:
            result: how.
            camera_matrix: (3, 3), by which a grasp is drawn; or None.
        """
        with self._changing:
            again = result.command_id in self._state.ids
            if again and not result.tracked:
                return
            self._state.ids.append(result.command_id)
            if result.cleared:  # "stop" is no result to look at
                run, self._state.marked = self._view.run, None
                self._view = replace(
                    self._view,
                    run=None if run is None else replace(run, ended=True),
                    marks=None,
                    notice=Notice("NOTE", result.message or "Stopped; the target is cleared."),
                )
                return
            if not again:
                self._state.entries += 1
            number = self._state.entries
        entry = self._entry(result, number, camera_matrix, small=not result.tracked)
        with self._changing:
            before = self._view.entries
            if again and before and before[0].number == number:  # the target is followed
                entry = replace(entry, thumbnail=before[0].thumbnail)
                before = before[1:]
            entries = (entry, *before)[:MOST_ENTRIES]
            run = self._run_after(result)
            self._state.marked = entry if run is None or run.ended else None
            marks = self._marks_for(self._view.picture)
            self._view = replace(self._view, entries=entries, run=run, marks=marks)

    def refuse_run(self, text: str) -> None:
        """The command that was said last on the page is not carried out."""
        with self._changing:
            run = self._view.run
            ended = None if run is None else replace(run, ended=True)
            self._view = replace(self._view, run=ended, notice=Notice("WARN", text))

    def thumbnail(self, number: int) -> bytes:
        """Of the entry with this number; empty where there is none."""
        found = [entry.thumbnail for entry in self._view.entries if entry.number == number]
        return found[0] if found else b""

    def close(self) -> None:
        """End the thread that makes pictures."""
        self._maker.close()

    def _show(self, picture: Picture) -> None:
        self._kept.keep(picture)
        with self._changing:
            if self._view.paused:
                return
            marks = self._marks_for(picture)
            self._view = replace(self._view, picture=picture, marks=marks)

    def _marks_for(self, picture: Picture | None) -> ShownResult | None:
        """What is marked, where nothing has changed there; else None."""
        entry = self._state.marked
        if entry is None or not entry.svg or picture is None or entry.gist is None:
            return None  # nobody knows whether it is still there
        alike = looks_alike(entry.gist, picture.gist, list(entry.boxes_xyxy_px))
        return entry if alike or entry.result.tracked else None

    def _run_of(self, command_id: str, own: int) -> ShownRun | None:
        """The run that ``command_id`` belongs to; None where it is not to be shown."""
        run = self._view.run
        if run is not None and command_id == run.command_id:
            return run
        if command_id in self._state.ids:
            return None  # it has ended
        if run is not None and run.own and not run.ended and not run.command_id:
            return run if own == run.own else None
        return None if own else ShownRun("", command_id=command_id)

    def _run_after(self, result: Result) -> ShownRun | None:
        """The run after ``result``: its stages with the seconds that they took."""
        run = self._view.run
        if run is not None and run.own and not run.ended and not run.command_id:
            # Its answer may come before any stage; what others have said must not end it.
            if run.command.strip() != result.command.strip() and run.command.strip():
                return run
        elif run is None or run.command_id != result.command_id:
            if run is not None and run.own and not run.ended:
                return run
            run = ShownRun("", command_id=result.command_id)
        return replace(
            run,
            command=run.command or result.command,
            command_id=result.command_id,
            stages=run.stages if result.tracked else stages_of(result),
            ended=True,
        )

    def _entry(
        self, result: Result, number: int, camera_matrix: Array | None, *, small: bool
    ) -> ShownResult:
        searched = self._kept.at(result.stamp_ns)
        picture = searched or self._view.picture
        svg = ""
        if picture is not None:
            svg = overlay_svg(result, picture.width_px, picture.height_px, camera_matrix)
        return ShownResult(
            number,
            result,
            svg=svg,
            thumbnail=thumbnail(searched, result) if small and searched is not None else b"",
            gist=None if searched is None else searched.gist,
            boxes_xyxy_px=tuple(marked_boxes(result)),
        )


def describe_stage(output: StageOutput) -> tuple[str, str]:
    """The stage that has made ``output``, and what came of it in a few words."""
    if isinstance(output, SemanticPrompt):
        relations = ", ".join(output.relations)
        if not output.present:
            return STAGES[0], f"{output.phrase}: not there"
        return STAGES[0], f"{output.phrase}, {relations}" if relations else output.phrase
    if isinstance(output, SpatialPrompt):
        x1, y1, x2, y2 = (round(float(value)) for value in output.box_xyxy_px)
        several = len(output.boxes_xyxy_px)
        more = f" and {several - 1} more" if several > 1 else ""
        return STAGES[1], f"{x2 - x1} x {y2 - y1} pixels at ({x1}, {y1}){more}"
    return STAGES[2], describe_segmentation(output)


def describe_segmentation(found: Segmentation) -> str:
    """The masks in a few words."""
    masks = f"{len(found.instances)} masks, " if len(found.instances) > 1 else ""
    share = 100.0 * float(found.mask.mean())
    return f"{masks}{share:.1f} % of the picture, score {found.score:.2f}"


def stages_of(result: Result) -> tuple[StageEnd, ...]:
    """The stages that ``result`` has reached, with the seconds that they took."""
    seconds = result.seconds
    outputs: list[tuple[StageOutput | None, float]] = [
        (result.semantic, seconds.semantic),
        (result.spatial, seconds.spatial),
        (result.segmentation, seconds.segmentation),
    ]
    return tuple(
        StageEnd(*describe_stage(output), taken) for output, taken in outputs if output is not None
    )

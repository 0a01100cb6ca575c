"""The parts of the page, each drawn anew where what it shows has changed.

Text from outside is put in by labels and buttons alone, which show it as it is: never as HTML.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from nicegui import ui

from ppcr_ros.core.outside_text import printable
from ppcr_ros.core.types import Candidate, Result, Status
from ppcr_ros.drawing import STATUS_RGB
from ppcr_ros.web.access import PICTURE_PATH, THUMBNAIL_PATH
from ppcr_ros.web.board import STAGES, Notice, PageView, ShownResult, ShownRun

_WHAT = {
    "semantic": ("1", "What is meant"),
    "spatial": ("2", "Where it is"),
    "segmentation": ("3", "Which pixels"),
}
_LONGEST = 300


def one_line(text: str) -> str:
    """``text`` from outside in one line of bearable length."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


class LivePicture:
    """The camera's picture, and above it what marks the last result.

    Args:
        on_point: told which pixel was clicked on; None where nobody may say anything.
    """

    def __init__(self, on_point: Callable[[float, float], None] | None) -> None:
        self._on_point = on_point
        self._shown: tuple[int, str] = (0, "")
        self._size = (0, 0)
        self._message = ""
        self._marks: Any = None
        with ui.element("div").classes("view") as self._frame:
            if on_point is not None:
                self._frame.classes("speaks")
            self._picture = ui.interactive_image(events=[]).props('data-part="picture"')
            self._above = ui.element("div").classes("marks")
            with ui.element("div").classes("lost").props('role="status"') as self._lost:
                self._text = ui.label()
        self._lost.visible = False

    def update(self, view: PageView, now_sec: float) -> None:
        """Show the newest picture; where a browser is slow, those in between are left out."""
        picture = view.picture
        if picture is not None:
            size = (picture.width_px, picture.height_px)
            if size != self._size:
                self._resize(size)
            if picture.number != self._shown[0]:
                # The address names the picture, what is behind it is the newest of that moment.
                self._picture.set_source(f"{PICTURE_PATH}?{picture.number}")
            svg = "" if view.marks is None else view.marks.svg
            if view.camera_is_lost(now_sec):
                svg = ""
            if svg != self._shown[1]:
                self._marks.set_content(svg)
            self._shown = (picture.number, svg)
        message = _why_missing(view, now_sec)
        if message != self._message:
            self._message = message
            self._text.set_text(message)
            self._lost.visible = bool(message)

    def _resize(self, size: tuple[int, int]) -> None:
        self._size, self._shown = size, (0, "")
        # As wide as the window's height allows, so that the line to type in stays in sight.
        self._frame.style(f"max-width: calc((100vh - 14.5rem) * {size[0] / size[1]:.4f})")
        self._above.clear()
        with self._above:
            self._marks = ui.interactive_image(size=size, on_mouse=self._on_click).props(
                'data-part="marks"'
            )

    def _on_click(self, event: Any) -> None:
        if self._on_point is not None:
            self._on_point(float(event.image_x), float(event.image_y))


def _why_missing(view: PageView, now_sec: float) -> str:
    """Why the picture is not the camera's of this moment; empty where it is."""
    if not view.camera_is_lost(now_sec):
        return ""
    if view.picture is None:
        return "No picture has come from the camera yet."
    seconds = round(view.picture.age_sec(now_sec))
    return f"The camera has sent no picture for {seconds} s."


class Stages:
    """The three stages of the last command, as they end, and the answer."""

    def __init__(self) -> None:
        self._shown: tuple[ShownRun | None, ShownResult | None] = (None, None)
        with ui.element("section").classes("card").props('data-part="stages"'):
            ui.label("Three stages of reasoning").classes("title")
            self._body = ui.element("div")
        self._draw(None, None)

    def update(self, view: PageView) -> None:
        run = view.run
        entry = view.entries[0] if view.entries else None
        if run is None or not run.ended or (entry and entry.result.command_id != run.command_id):
            entry = None
        if (run, entry) != self._shown:
            self._shown = (run, entry)
            self._draw(run, entry)

    def _draw(self, run: ShownRun | None, entry: ShownResult | None) -> None:
        self._body.clear()
        with self._body:
            if run is not None and run.command:
                ui.label(f"\u201c{one_line(run.command)}\u201d").classes("text-base pb-1")
            ended = {} if run is None else {item.name: item for item in run.stages}
            busy = run is not None and not run.ended
            for name in STAGES:
                number, what = _WHAT[name]
                end = ended.get(name)
                state = "done" if end is not None else "busy" if busy else ""
                busy = busy and end is not None  # the first that has not ended is at work
                with ui.element("div").classes(f"stage {state}").props(f'data-stage="{name}"'):
                    ui.label("\u2713" if end is not None else number).classes("dot")
                    ui.label(what).classes("what")
                    seconds = None if end is None else end.seconds
                    ui.label("" if seconds is None else f"{seconds:.2f} s").classes("seconds")
                    if end is not None:
                        ui.label(one_line(end.text)).classes("text")
            if entry is not None:
                _answer(entry.result)


def _answer(result: Result) -> None:
    with ui.element("div").classes("answer").props('data-part="answer"'):
        with ui.row().classes("items-center gap-2 w-full no-wrap"):
            _status(result.status)
            total = result.seconds.total
            ui.label(f"{total:.2f} s in all" if total else "").classes("detail")
        ui.label(one_line(result.say or result.message)).classes("pt-1")
        more = result.message.replace(result.say, "").strip()
        if more and result.say:
            ui.label(one_line(more)).classes("detail")
        grasp = result.grasp
        if grasp is not None and grasp.graspable:
            width = f"To grasp it a gripper opens at least {1000 * grasp.width_m:.0f} mm."
            ui.label(width).classes("detail")
        elif grasp is not None and result.segmentation is not None:
            ui.label(f"Not to be grasped: {one_line(grasp.reason)}").classes("detail")


def _status(status: Status) -> None:
    red, green, blue = STATUS_RGB[status]
    words = status.name.replace("_", " ").lower()
    ui.label(words).classes("status").style(f"background: rgb({red}, {green}, {blue})")


class Candidates:
    """Candidates to choose from, where several objects fit.

    Args:
        on_choice: told which was chosen; None where nobody may say anything.
    """

    def __init__(self, on_choice: Callable[[Candidate], None] | None) -> None:
        self._on_choice = on_choice
        self._shown: ShownResult | None = None
        with ui.element("section").classes("card").props('data-part="candidates"') as self._card:
            self._body = ui.element("div")
        self._card.visible = False

    def update(self, view: PageView) -> None:
        entry = view.entries[0] if view.entries else None
        running = view.run is not None and not view.run.ended
        if entry is not None and (running or not entry.result.candidates):
            entry = None
        if entry is self._shown:
            return
        self._shown = entry
        self._body.clear()
        self._card.visible = entry is not None
        if entry is None:
            return
        with self._body:
            ui.label(one_line(entry.result.question)).classes("question")
            with ui.element("div").classes("examples"):
                for item in entry.result.candidates:
                    self._chip(item)

    def _chip(self, item: Candidate) -> None:
        chip = ui.label(f"{item.number}  {one_line(item.words)}").classes("chip candidate")
        chip.props(f'role="button" tabindex="0" data-candidate="{item.number}"')
        choose = self._on_choice
        if choose is not None:
            chip.on("click", lambda: choose(item))
            chip.on("keydown.enter", lambda: choose(item))


class Entries:
    """The last results."""

    def __init__(self) -> None:
        self._shown: Sequence[ShownResult] = ()
        with ui.element("section").classes("card"):
            ui.label("Last results").classes("title")
            self._body = ui.element("div").classes("entries").props('data-part="entries"')
            with self._body:
                ui.label("None yet.").classes("detail")

    def update(self, view: PageView) -> None:
        if view.entries is self._shown:
            return
        before = [entry.number for entry in self._shown]
        self._shown = view.entries
        if before == [entry.number for entry in view.entries]:
            return  # the target is followed: the same results, a moment later
        self._body.clear()
        with self._body:
            for entry in view.entries:
                _entry(entry)


def _entry(entry: ShownResult) -> None:
    result = entry.result
    with ui.element("div").classes("entry").props(f'data-status="{result.status.name}"'):
        if entry.thumbnail:
            alternative = f'alt="result {entry.number}"'
            address = f"{THUMBNAIL_PATH}{entry.number}.jpg"
            ui.element("img").props(f'src="{address}" loading="lazy" {alternative}')
        else:
            ui.element("div").classes("none")
        with ui.element("div"):
            words = one_line(result.command) or "(pointed at)"
            ui.label(words).classes("words")
            with ui.row().classes("items-center gap-2 pt-1"):
                _status(result.status)
                ui.label(f"{result.seconds.total:.2f} s").classes("detail")


class Notices:
    """Notices of what is wrong, and what to do.

    Args:
        title: a heading; none where empty.
        part: names it for tests.
        style: the class of each notice.
    """

    def __init__(self, title: str, part: str, style: str) -> None:
        self._shown: tuple[Notice, ...] = ()
        self._style = style
        look = "card" if title else "column"
        with ui.element("section").classes(look).props(f'data-part="{part}"') as self._card:
            if title:
                ui.label(title).classes("title")
            self._body = ui.element("div").classes("column" if not title else "")
        self._card.visible = False

    def update(self, notices: tuple[Notice, ...]) -> None:
        if notices == self._shown:
            return
        self._shown = notices
        self._card.visible = bool(notices)
        self._body.clear()
        with self._body:
            for notice in notices:
                ui.label(one_line(notice.text)).classes(f"{self._style} {notice.level}")


class CameraState:
    """State of the picture: whether it is the camera's of this moment."""

    def __init__(self) -> None:
        self._shown = ""
        self._label = ui.label().classes("camera").props('data-part="camera" role="status"')

    def update(self, view: PageView, now_sec: float) -> None:
        state = "held" if view.paused else "lost" if view.camera_is_lost(now_sec) else "live"
        if state != self._shown:
            self._label.classes(remove=self._shown, add=state)
            self._shown = state
            words = {"held": "held", "lost": "no camera", "live": "live"}
            self._label.set_text(words[state])


def now_sec() -> float:
    """The clock of the pictures."""
    return time.monotonic()

"""The page itself: what is seen, and what a person can do. It knows no source by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

from ppcr_ros.core.types import Candidate
from ppcr_ros.web.board import Notice, PageBoard, PageView
from ppcr_ros.web.parts import (
    CameraState,
    Candidates,
    Entries,
    LivePicture,
    Notices,
    Stages,
    now_sec,
    one_line,
)
from ppcr_ros.web.source import Source
from ppcr_ros.web.style import CSS

READ_ONLY = "This page may be looked at only: nothing is carried out."
LONGEST_COMMAND = 2000

_HAS_SPEECH = "!!(window.SpeechRecognition || window.webkitSpeechRecognition)"
_LISTEN = """() => {
  const heard = new (window.SpeechRecognition || window.webkitSpeechRecognition)();
  heard.lang = navigator.language;
  heard.onresult = e => emitEvent('heard', {text: e.results[0][0].transcript});
  heard.onerror = e => emitEvent('heard', {error: e.error});
  heard.start();
}"""
"""The only script of the page: the browser listens, and says what it has heard."""


class Controls:
    """Controls for browsers; everything passes here, whatever a browser sends.

    Args:
        source: takes it.
        board: says what became of it.
        read_only: whether nothing is carried out.
    """

    def __init__(self, source: Source, board: PageBoard, *, read_only: bool) -> None:
        self._source, self._board, self.read_only = source, board, read_only

    @property
    def has_more_pictures(self) -> bool:
        return self._source.has_more_pictures

    def submit(self, words: str, point_xy_px: tuple[float, float] | None = None) -> bool:
        """Say ``words``, or point; False where there is nothing in it, or nobody may."""
        words = words.strip()[:LONGEST_COMMAND]
        if not words and point_xy_px is None:
            return False
        return self._act_unless_read_only(lambda: self._source.submit(words, point_xy_px))

    def stop(self) -> bool:
        """End what runs, and clear the target."""
        return self._act_unless_read_only(self._source.stop)

    def pause(self, paused: bool) -> bool:
        """Hold the picture, or go on."""
        return self._act_unless_read_only(lambda: self._source.pause(paused))

    def next_picture(self) -> bool:
        """Show another picture."""
        return self._act_unless_read_only(self._source.next_picture)

    def _act_unless_read_only(self, act: Callable[[], None]) -> bool:
        if self.read_only:
            self._board.set_notice(Notice("WARN", READ_ONLY))
            return False
        act()
        return True


class Page:
    """One browser's page; made anew for each of them.

    Args:
        board: what is shown.
        controls: what may be done.
        max_rate_hz: so often it is looked whether there is something new.
    """

    def __init__(self, board: PageBoard, controls: Controls, max_rate_hz: float) -> None:
        self._board, self._controls = board, controls
        self._client = ui.context.client
        self._examples: tuple[str, ...] = ()
        self._title: Any = None
        self._words: Any = None
        self._pause: Any = None
        self._chips: Any = None
        self._mic: Any = None
        ui.add_css(CSS)
        ui.colors(primary="#2456c7")
        self._build_top()
        with ui.element("main").classes("columns"):
            with ui.element("div").classes("column"):
                self._banners = Notices("", "banners", "banner")
                free = not controls.read_only
                self._picture = LivePicture(self._point if free else None)
                self._candidates = Candidates(self._choose if free else None)
                if free:
                    self._build_speaking()
            with ui.element("div").classes("column"):
                self._stages = Stages()
                self._findings = Notices("Findings, and what to do", "findings", "finding")
                self._entries = Entries()
        self.update()
        ui.timer(1.0 / max_rate_hz, self.update)

    def update(self) -> None:
        """Draw what has changed."""
        if self._client.has_socket_connection:
            self._board.look()
        view, now = self._board.view, now_sec()
        self._title.set_text(view.title)
        self._camera.update(view, now)
        self._banners.update(_banners(view, read_only=self._controls.read_only))
        self._picture.update(view, now)
        self._candidates.update(view)
        self._stages.update(view)
        self._findings.update(view.findings)
        self._entries.update(view)
        if self._pause is not None:
            self._pause.set_icon("play_arrow" if view.paused else "pause")
        if self._chips is not None and view.examples != self._examples:
            self._examples = view.examples
            self._draw_examples()

    def _build_top(self) -> None:
        with ui.element("header").classes("top"):
            ui.label("ppcr").classes("name")
            self._title = ui.label().classes("about")
            ui.element("div").classes("grow")
            self._camera = CameraState()

    def _build_speaking(self) -> None:
        with ui.element("div").classes("say"):
            self._mic = _button("mic", "speak", "speak").on("click", js_handler=_LISTEN)
            self._mic.visible = False
            self._words = (
                ui.input(placeholder="the red mug left of the plate")
                .props('outlined dense maxlength=2000 aria-label="what is meant" data-part="words"')
                .classes("words")
                .on("keydown.enter", self._say)
            )
            ui.button("Find", on_click=self._say).props('unelevated no-caps data-part="find"')
            self._pause = _button("pause", "pause", "hold the picture, or go on")
            self._pause.on("click", self._toggle_pause)
            _button("stop", "stop", "end what runs and clear the target").on(
                "click", self._controls.stop
            )
            if self._controls.has_more_pictures:
                _button("navigate_next", "next", "another picture").on(
                    "click", self._controls.next_picture
                )
        self._chips = ui.element("div").classes("examples").props('data-part="examples"')
        ui.on("heard", self._on_heard)

    async def look_for_speech(self) -> None:
        """Show the microphone where the browser can listen."""
        if self._mic is not None:
            self._mic.visible = bool(await ui.run_javascript(_HAS_SPEECH, timeout=10.0))

    def _draw_examples(self) -> None:
        self._chips.clear()
        with self._chips:
            if self._examples:
                ui.label("Say, or click on the picture:")
            for text in self._examples:
                chip = ui.label(one_line(text)).classes("chip").props('role="button" tabindex="0"')
                chip.on("click", lambda text=text: self._controls.submit(text))
                chip.on("keydown.enter", lambda text=text: self._controls.submit(text))

    def _say(self) -> None:
        if self._controls.submit(self._words.value or ""):
            self._words.set_value("")

    def _point(self, x: float, y: float) -> None:
        if self._controls.submit(self._words.value or "", (x, y)):
            self._words.set_value("")

    def _choose(self, candidate: Candidate) -> None:
        self._controls.submit(f"number {candidate.number}")

    def _toggle_pause(self) -> None:
        self._controls.pause(not self._board.view.paused)

    def _on_heard(self, event: Any) -> None:
        speech = event.args if isinstance(event.args, dict) else {}
        if speech.get("text"):
            self._controls.submit(str(speech["text"]))
        elif speech.get("error"):
            ui.notify(f"The browser heard nothing: {one_line(str(speech['error']))}")


def _button(icon: str, part: str, help_text: str) -> Any:
    button = ui.button(icon=icon).props(f'flat dense data-part="{part}" aria-label="{help_text}"')
    return button.tooltip(help_text)


def _banners(view: PageView, *, read_only: bool) -> tuple[Notice, ...]:
    """What stands above the picture."""
    found = []
    if view.problem:
        found.append(Notice("WARN", view.problem))
    if view.notice is not None:
        found.append(view.notice)
    if read_only and READ_ONLY not in [item.text for item in found]:
        found.append(Notice("NOTE", READ_ONLY))
    return tuple(found)

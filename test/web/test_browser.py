"""The page without ROS, in a real browser: typed to, clicked on, and looked at."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.types import Array

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SCREENSHOT = "PPCR_SCREENSHOT"
"""Where this variable is set, the pictures of the documentation are made anew."""
HEARS = """window.SpeechRecognition = window.webkitSpeechRecognition = class {
  start() { this.onresult({results: [[{transcript: 'the purple <b>capsule</b>'}]]}); }
};"""
IS_DRAWN = "return document.querySelector('[data-part=picture] img').naturalWidth > 0"
COMMAND = "the pink ball in the bowl"
SCENE = load_recording().scenes[0]


class Browser:
    """A browser on the page, by what a person sees of it."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        driver.get(url)

    def parts(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def texts(self, part: str) -> str:
        """All that is shown in a part of the page."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText).join()"
        return str(self.driver.execute_script(script, f'[data-part="{part}"]'))

    def statuses(self) -> list[str]:
        """Of the last results, the newest first."""
        script = "return [...document.querySelectorAll('.entry')].map(e => e.dataset.status)"
        return [str(item) for item in self.driver.execute_script(script)]

    def say(self, words: str) -> None:
        (field,) = self.parts('input[data-part="words"]')
        field.send_keys(words, "\ue007")

    def click(self, part: str) -> None:
        self.parts(f'[data-part="{part}"]')[0].click()

    def point(self, x_px: float, y_px: float) -> None:
        """Click on a pixel of the camera's picture."""
        from selenium.webdriver.common.action_chains import ActionChains

        (view,) = self.parts('[data-part="marks"]')
        height, width = SCENE.view.rgb.shape[:2]
        size = view.size
        across, down = x_px / width - 0.5, y_px / height - 0.5
        chain = ActionChains(self.driver)
        chain.move_to_element_with_offset(
            view, round(across * size["width"]), round(down * size["height"])
        )
        chain.click().perform()

    def view(self) -> Array:
        """What is seen of the camera's picture, as large as the camera's, float32."""
        (view,) = self.parts('[data-part="picture"]')
        height, width = SCENE.view.rgb.shape[:2]
        image = Image.open(io.BytesIO(view.screenshot_as_png)).convert("RGB")
        return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)


@pytest.fixture(scope="module")
def page(serve_page: Callable[..., str]) -> str:
    return serve_page()


@pytest.fixture
def eventually(eventually: Callable[..., Any]) -> Callable[..., Any]:
    """Looks ten times a second: each look is work for the browser."""
    return partial(eventually, pause_sec=0.1)


@pytest.fixture(scope="module")
def browser(page: str, open_browser: Callable[[], Any]) -> Browser:
    """On the page, where the models are loaded."""
    return Browser(open_browser(), page)


@pytest.fixture
def fresh(browser: Browser, eventually: Callable[..., Any]) -> Browser:
    """The same, with nothing marked."""
    eventually(lambda: "loading" not in browser.texts("banners"), 600.0)
    eventually(lambda: browser.texts("camera") == "live")
    browser.click("stop")
    eventually(lambda: not browser.parts('[data-part="marks"] path'))
    eventually(lambda: browser.driver.execute_script(IS_DRAWN))
    return browser


def steady(browser: Browser, eventually: Callable[..., Any]) -> Array:
    """What is seen of the picture, once it does not change any more."""
    seen = [browser.view()]

    def same() -> bool:
        seen.append(browser.view())
        return bool((seen[-1] == seen[-2]).all())

    eventually(same)
    return seen[-1]


def spot_of(words: str) -> tuple[float, float]:
    """A pixel of the object that is called so."""
    (index,) = [n for n, item in enumerate(SCENE.objects) if item.text == words]
    rows, columns = np.nonzero(SCENE.view.mask_of(index))
    return float(np.median(columns)), float(np.median(rows))


def test_what_is_typed_is_found_and_its_pixels_change(
    fresh: Browser, eventually: Callable[..., Any]
) -> None:
    before, results = steady(fresh, eventually), len(fresh.statuses())
    fresh.say(COMMAND)
    eventually(lambda: len(fresh.statuses()) > results)
    assert fresh.statuses()[0] == "OK"
    eventually(lambda: fresh.parts('[data-part="marks"] path'))
    changed = np.abs(steady(fresh, eventually) - before).mean(axis=2)
    truth = SCENE.view.mask_of(SCENE.commands[0].target or 0)
    rows, columns = np.nonzero(truth)
    near = (slice(rows.min() - 60, rows.max() + 60), slice(columns.min() - 60, columns.max() + 60))
    away = np.ones(truth.shape, np.bool_)
    away[near] = False
    assert changed[truth].mean() > 15.0, "the mask is drawn over the ball"
    assert changed[away].mean() < 1.0, "and nowhere else"
    stages = fresh.texts("stages")
    assert "pink" in stages
    assert stages.count(" s") >= 4, "three stages with their seconds, and all of it"


def test_a_question_is_answered_by_a_click_on_what_is_meant(
    fresh: Browser, eventually: Callable[..., Any]
) -> None:
    results = len(fresh.statuses())
    fresh.say("the ball")
    eventually(lambda: len(fresh.statuses()) > results)
    assert fresh.statuses()[0] == "AMBIGUOUS"
    eventually(lambda: len(fresh.parts('[data-part="marks"] text')) == 2)
    assert "2 large green ball" in " ".join(fresh.texts("candidates").split())
    fresh.point(*spot_of("large green ball"))
    eventually(lambda: len(fresh.statuses()) > results + 1)
    assert fresh.statuses()[0] in ("OK", "LOW_CONFIDENCE")
    assert "green" in fresh.texts("stages")
    eventually(lambda: not fresh.texts("candidates"))


def test_a_question_is_answered_by_its_number(
    fresh: Browser, eventually: Callable[..., Any]
) -> None:
    results = len(fresh.statuses())
    fresh.say("the ball")
    eventually(lambda: fresh.parts("[data-candidate='1']"))
    fresh.parts("[data-candidate='1']")[0].click()
    eventually(lambda: len(fresh.statuses()) > results + 1)
    assert fresh.statuses()[0] in ("OK", "LOW_CONFIDENCE")
    assert "pink" in fresh.texts("stages")


def test_two_browsers_see_the_same(
    fresh: Browser, page: str, open_browser: Callable[[], Any], eventually: Callable[..., Any]
) -> None:
    other = Browser(open_browser(), page)
    eventually(lambda: other.texts("camera") == "live")
    results = len(fresh.statuses())
    other.say("the red cup")
    eventually(lambda: len(fresh.statuses()) > results)
    eventually(lambda: other.statuses() == fresh.statuses())
    assert other.texts("stages") == fresh.texts("stages")
    if os.environ.get(SCREENSHOT):
        keep_screenshot(fresh, eventually)


def keep_screenshot(browser: Browser, eventually: Callable[..., Any]) -> None:
    """The picture of README and docs/web.md."""
    for words in ("the mug", "the unicorn", COMMAND):
        results = browser.statuses()
        browser.say(words)
        eventually(lambda before=results: browser.statuses() != before)
    eventually(lambda: browser.parts('[data-part="marks"] path'))
    browser.driver.set_window_size(1400, 1090)
    browser.driver.execute_script("document.activeElement.blur()")
    steady(browser, eventually)
    browser.driver.save_screenshot(str(ROOT / "docs" / "web.png"))


def test_another_picture_takes_the_marks_away(
    fresh: Browser, eventually: Callable[..., Any]
) -> None:
    fresh.say(COMMAND)
    eventually(lambda: fresh.parts('[data-part="marks"] path'))
    before = steady(fresh, eventually)
    fresh.click("next")
    eventually(lambda: not fresh.parts('[data-part="marks"] path'))
    eventually(lambda: np.abs(fresh.view() - before).mean() > 5.0)
    for _ in range(len(load_recording().scenes) - 1):
        fresh.click("next")
    eventually(lambda: SCENE.commands[0].text in fresh.texts("examples"))


def test_what_the_browser_hears_is_carried_out(
    fresh: Browser, eventually: Callable[..., Any]
) -> None:
    """The engine behind the browser's recognition is another's; what it hands over is ours."""
    fresh.driver.execute_script(HEARS)
    results = len(fresh.statuses())
    fresh.click("speak")
    eventually(lambda: len(fresh.statuses()) > results)
    assert "the purple <b>capsule</b>" in fresh.texts("entries"), "as text, never as HTML"


def test_the_held_picture_is_the_one_that_is_searched(
    fresh: Browser, eventually: Callable[..., Any]
) -> None:
    fresh.click("pause")
    eventually(lambda: fresh.texts("camera") == "held")
    results = len(fresh.statuses())
    fresh.point(*spot_of("large green ball"))
    eventually(lambda: len(fresh.statuses()) > results)
    assert fresh.statuses()[0] in ("OK", "LOW_CONFIDENCE")
    fresh.click("pause")
    eventually(lambda: fresh.texts("camera") == "live")

"""The page of a running node, in real browsers: a camera that is lost, a token, who may speak."""

from __future__ import annotations

import http.client
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from ppcr_lab.demo.processes import ChildProcess
from ppcr_lab.scripted_models import KeywordPipelines

pytestmark = pytest.mark.slow
TOKEN = "a token of this test's own"
DARK, BRIGHT = 20, 150


class Camera:
    """Publishes a pattern, each image a little different from the last, while it is on."""

    def __init__(self, bench: Any) -> None:
        from sensor_msgs.msg import Image

        self._bench, self._kind = bench, Image
        self.on = threading.Event()
        self.level = DARK
        squares = np.random.default_rng(1).integers(0, 80, (12, 16, 3), np.uint8)
        self._pattern = np.kron(squares, np.ones((20, 20, 1), np.uint8))
        self._closed = threading.Event()
        self._publisher = bench.probe.create_publisher(Image, "/image", 5)
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    def _publish(self) -> None:
        for number in itertools.count():
            if self._closed.wait(0.1):
                return
            if self.on.is_set():
                self._publisher.publish(self._image(number))

    def _image(self, number: int) -> Any:
        pixels = self._pattern + np.uint8(self.level)
        pixels[:, number % 320] += 20
        message = self._kind(height=240, width=320, encoding="rgb8", step=960)
        message.data = array("B", pixels.tobytes())
        message.header.stamp = self._bench.probe.get_clock().now().to_msg()
        message.header.frame_id = "camera_optical_frame"
        return message

    def close(self) -> None:
        self._closed.set()
        self._thread.join()


@dataclass
class Site:
    """A node, its camera, and two pages of it."""

    bench: Any
    camera: Camera
    page: str
    read_only: str


@pytest.fixture(scope="module")
def site(
    make_bench: Callable[..., Any],
    take_domain: Callable[[], int],
    serve_page: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    domain = take_domain()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(domain))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("ros_log")))
        bench = make_bench(KeywordPipelines(), domain)
        bench.start()
        camera = Camera(bench)
        camera.on.set()
        token = tmp_path_factory.mktemp("token") / "token"
        token.touch(mode=0o600)
        token.write_text(TOKEN, encoding="ascii")
        try:
            page = serve_page("--node", "/ppcr")
            looked_at = serve_page(
                "--node", "/ppcr", "--host", "0.0.0.0", "--token-file", str(token), "--read-only"
            )
            port = urlsplit(looked_at).port
            yield Site(bench, camera, page, f"http://127.0.0.1:{port}/")
        finally:
            camera.close()
            bench.close()


@dataclass
class Browser:
    driver: Any

    def texts(self, part: str) -> str:
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText).join()"
        return str(self.driver.execute_script(script, f'[data-part="{part}"]'))

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements("css selector", selector))

    def say(self, words: str) -> None:
        (field,) = self.driver.find_elements("css selector", 'input[data-part="words"]')
        field.send_keys(words, "\ue007")


@pytest.fixture
def eventually(eventually: Callable[..., Any]) -> Callable[..., Any]:
    """Looks ten times a second: each look is work for the browser."""
    return partial(eventually, pause_sec=0.1)


@pytest.fixture(scope="module")
def browser(site: Site, open_browser: Callable[[], Any]) -> Browser:
    driver = open_browser()
    driver.get(site.page)
    return Browser(driver)


def test_a_command_is_carried_out_by_the_node(
    site: Site, browser: Browser, eventually: Callable[..., Any]
) -> None:
    eventually(lambda: browser.texts("camera") == "live" and not browser.texts("banners"))
    browser.say("the red mug")
    eventually(lambda: browser.texts("answer").startswith("ok"))
    eventually(lambda: browser.count('[data-part="marks"] path') == 1)
    assert site.bench.scripted.mllm.turns[-2:] == ["the red mug", "where mug"]
    assert "80 x 60 pixels at (80, 60)" in browser.texts("stages")
    assert browser.count(".stage.done") == 3


def test_the_camera_is_lost_and_found(
    site: Site, browser: Browser, eventually: Callable[..., Any]
) -> None:
    eventually(lambda: browser.texts("camera") == "live")
    site.camera.on.clear()
    eventually(lambda: browser.texts("camera") == "no camera")
    assert "The camera has sent no picture for" in browser.driver.page_source
    eventually(lambda: "no message came on /image" in browser.texts("findings"))
    assert "Check that it streams" in browser.texts("findings"), "and what to do"
    site.camera.on.set()
    eventually(lambda: browser.texts("camera") == "live")
    eventually(lambda: "no message came on /image" not in browser.texts("findings"))


def test_marks_go_where_the_picture_has_changed(
    site: Site, browser: Browser, eventually: Callable[..., Any]
) -> None:
    eventually(lambda: browser.texts("camera") == "live")
    browser.say("the red cube")
    eventually(lambda: "the red cube" in browser.texts("entries"))  # not the marks of before
    eventually(lambda: browser.count('[data-part="marks"] path') == 1)
    site.camera.level = BRIGHT
    eventually(lambda: browser.count('[data-part="marks"] path') == 0)
    site.camera.level = DARK
    eventually(lambda: browser.count('[data-part="marks"] path') == 1)


def test_what_others_say_is_seen_and_is_no_html(
    site: Site, browser: Browser, eventually: Callable[..., Any]
) -> None:
    words = "<img src=x onerror=\"document.title='broken'\"> cup"
    site.bench.say(words)
    eventually(lambda: words in browser.texts("entries"))
    eventually(lambda: words in browser.texts("stages"))
    assert browser.count("img[src=x]") == 0
    assert browser.driver.title == "ppcr"


def test_a_node_that_goes_is_told(
    site: Site, browser: Browser, eventually: Callable[..., Any]
) -> None:
    from rclpy.lifecycle import TransitionCallbackReturn

    assert site.bench.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    browser.say("the red mug once more")
    eventually(lambda: "refused" in browser.texts("banners"))
    assert site.bench.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    browser.say("the red mug again")
    eventually(lambda: not browser.texts("banners"))


def status(url: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """What a request without a browser gets."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60.0)
    connection.request(
        "GET", path, headers={key.replace("_", "-"): headers[key] for key in headers}
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}


def test_without_the_token_nothing_is_seen(site: Site) -> None:
    for path in ("/", "/picture.jpg", "/thumbnail/1.jpg", "/_nicegui_ws/socket.io/", "/nothing"):
        assert status(site.read_only, path)[0] == 401
        assert status(site.read_only, path, Authorization="Bearer wrong")[0] == 401
        assert status(site.read_only, f"{path}?token=wrong")[0] == 401
    code, headers = status(site.read_only, f"/?token={TOKEN.replace(' ', '%20')}")
    assert (code, headers["location"]) == (303, "/")
    assert "HttpOnly" in headers["set-cookie"]
    assert TOKEN not in headers["set-cookie"]


def test_with_the_token_it_is_looked_at_only(
    site: Site, browser: Browser, eventually: Callable[..., Any]
) -> None:
    driver = browser.driver
    driver.get(site.read_only)
    assert "asks for its token" in driver.page_source
    driver.find_element("name", "token").send_keys(TOKEN, "\ue007")
    eventually(lambda: browser.texts("camera") == "live")
    assert "token=" not in driver.current_url
    assert browser.count("input, button") == 0, "there is nothing to speak with"
    site.bench.say("the red ball")
    eventually(lambda: "the red ball" in browser.texts("entries"))
    eventually(lambda: browser.texts("answer").startswith("ok"))
    eventually(lambda: browser.count('[data-part="marks"] path') == 1)
    code, _ = status(site.read_only, "/picture.jpg", Authorization=f"Bearer {TOKEN}")
    assert code == 200
    driver.get(site.page)


def test_another_sites_scripts_are_not_let_in(site: Site) -> None:
    assert status(site.page, "/picture.jpg", Origin="http://elsewhere.example")[0] == 403
    assert status(site.page, "/picture.jpg", Host="elsewhere.example")[0] == 403
    assert status(site.page, "/picture.jpg")[0] in (200, 404)


def test_pictures_are_fetched_only_while_somebody_looks(
    site: Site, browser: Browser, eventually: Callable[..., Any]
) -> None:
    def readers() -> int:
        infos = site.bench.probe.get_subscriptions_info_by_topic("/image")
        return sum(item.node_name == "ppcr_page" for item in infos)

    eventually(lambda: browser.texts("camera") == "live")
    before, address = readers(), browser.driver.current_url
    assert before >= 1
    browser.driver.get("about:blank")
    eventually(lambda: readers() == before - 1)
    browser.driver.get(address)
    eventually(lambda: browser.texts("camera") == "live")


def executable(site: Site, folder: Path, *arguments: str) -> ChildProcess:
    """What the launch file starts, in the domain of ``site``."""
    options = [word for argument in arguments for word in ("-p", argument)]
    return ChildProcess(
        "ppcr_page",
        [sys.executable, "-m", "ppcr_ros.ros.page_main", "--ros-args", *options],
        log_file=folder / "page.log",
        environment={**os.environ, "PYTHONUNBUFFERED": "1"},
        folder=folder,
    )


@pytest.mark.parametrize(
    ("argument", "reason"),
    [("host:=0.0.0.0", "that needs a token"), ("port:=soon", "port")],
)
def test_the_launched_page_says_why_it_cannot_be_served(
    site: Site, tmp_path: Path, argument: str, reason: str, eventually: Callable[..., Any]
) -> None:
    with executable(site, tmp_path, argument) as page:
        eventually(lambda: page.exit_status is not None)
        assert page.exit_status == 1
        assert reason in page.log_tail()
        assert "Traceback" not in page.log_tail()


def test_the_launched_page_is_about_the_node(
    site: Site, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    arguments = ("port:=0", "rate_hz:=5", "read_onyl:=true")
    with executable(site, tmp_path, *arguments) as page:
        found = eventually(lambda: re.findall(r"the page: (http://[^/]+/)", page.log_tail()))
        assert status(found[0], "/")[0] == 200
        eventually(lambda: "read_onyl (is read_only meant?)" in page.log_tail())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_launched_page_ends_quietly_however_often_it_is_told(
    site: Site, tmp_path: Path, eventually: Callable[..., Any], number: signal.Signals
) -> None:
    """As of a terminal's Ctrl-C, which comes from the terminal and once more from `ros2 launch`."""
    log = tmp_path / "page.log"
    command = [sys.executable, "-m", "ppcr_ros.ros.page_main", "--ros-args", "-p", "port:=0"]
    with log.open("wb") as file:
        page = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        found = eventually(lambda: re.findall(r"the page: (http://[^/]+/)", log.read_text()))
        assert status(found[0], "/")[0] == 200
        page.send_signal(number)
        page.send_signal(signal.SIGINT)
        assert page.wait(60.0) == 0, log.read_text()
    finally:
        page.kill()
        page.wait(60.0)
    assert "Traceback" not in log.read_text()

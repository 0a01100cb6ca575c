"""Words and faults of an engine are told, and neither a key nor a password is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import Cancelled, ConfigError, ModelLoadError, PPCRError
from ppcr_ros.core.interfaces import Answer, Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models import factory
from ppcr_ros.models.served.engine_access import shown_address
from ppcr_ros.models.served.errors import EngineBroke, EngineRefused, EngineTimeout

FRAME = Frame(rgb=np.zeros((60, 90, 3), np.uint8))
SECRET = "sk-verysecret"


def asked(engine: Any, cancel: CancelToken | None = None, **more: Any) -> Answer:
    options = {"endpoint": engine.url, "model": "m", "retries": 0, **more}
    config = MllmConfig(family="served", served_family="qwen3_vl", **options)
    conversation = factory.load_served(config).open(FRAME)
    return conversation.ask(Turn("where?"), max_new_tokens=32, cancel=cancel or CancelToken())


def sends(body: str, status: int = 200, kind: str = "application/json") -> Callable[..., None]:
    def behave(engine: Any, handler: Any, request: Any) -> None:
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.end_headers()
        handler.wfile.write(body.encode())

    return behave


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos", "end_turn", "eos_token"])
def test_an_answer_that_the_model_ended_is_whole(engine: Any, behaviours: Any, reason: str) -> None:
    engine.behaviours = [behaviours.says("left", finish=reason)]
    answer = asked(engine)
    assert (answer.text, answer.truncated) == ("left", False)


def test_an_answer_at_the_limit_is_cut_off(engine: Any, behaviours: Any) -> None:
    engine.behaviours = [behaviours.says("left", finish="length")]
    assert asked(engine).truncated


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("abort", EngineBroke), ("error", EngineBroke), ("cancelled", EngineBroke),
        ("of a new kind", EngineBroke), ("content_filter", EngineRefused),
        ("tool_calls", EngineRefused),
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["The red mug is not visible", '{"bbox_2d": null}', ""])
def test_an_answer_that_was_ended_for_another_reason_is_none(
    engine: Any, behaviours: Any, reason: str, expected: type[PPCRError], text: str
) -> None:
    engine.behaviours = [behaviours.says(text, finish=reason)]
    with pytest.raises(expected, match=f"reason '{reason}'"):
        asked(engine)


@pytest.mark.parametrize("content", [None, "", '{"bbox_2d": null}'])
def test_what_a_model_says_in_place_of_an_answer_is_told(engine: Any, content: str | None) -> None:
    deltas = [
        {"role": "assistant", "content": content},
        {"refusal": "I can't "},
        {"refusal": "do."},
    ]
    lines = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {"refusal": None}, "finish_reason": "stop"}]}
    body = "".join(f"data: {json.dumps(line)}\n\n" for line in (*lines, end))
    engine.behaviours = [sends(body + "data: [DONE]\n\n", kind="text/event-stream")]
    with pytest.raises(EngineRefused, match=r"would not answer: I can't do\."):
        asked(engine)


@pytest.mark.parametrize(
    "body",
    [
        '{"error": "too large"}', '{"detail": "too large"}', '{"error": {"message": "too large"}}',
        '{"detail": [{"loc": ["body", "image"], "msg": "too large"}]}', "too\x1b large",
        "<html><title>too large</title></html>", '{"message": "too large"}',
    ],
)  # fmt: skip
def test_the_words_of_a_refusal_are_told(engine: Any, body: str) -> None:
    engine.behaviours = [sends(body, 413)]
    with pytest.raises(EngineRefused, match=r"\(413\): .*too large") as caught:
        asked(engine)
    assert str(caught.value).isprintable()
    assert "<" not in str(caught.value)


def test_a_long_refusal_is_shortened(engine: Any) -> None:
    engine.behaviours = [sends("no " * 100_000, 413)]
    with pytest.raises(EngineRefused) as caught:
        asked(engine)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("error", ['"it has ended"', '{"detail": "it has ended"}'])
def test_the_words_of_a_fault_in_a_stream_are_told(engine: Any, error: str) -> None:
    engine.behaviours = [sends(f'data: {{"error": {error}}}\n\n', kind="text/event-stream")]
    with pytest.raises(EngineBroke, match="it has ended"):
        asked(engine)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"error": "Unexpected endpoint"}', "application/json"),
        ("<html>Unexpected endpoint</html>", "text/html"),
        ("error: Unexpected endpoint", "text/event-stream"),
    ],
)
def test_what_is_no_stream_is_told(engine: Any, body: str, kind: str) -> None:
    engine.behaviours = [sends(body, kind=kind)]
    with pytest.raises(EngineBroke, match=f"{kind}.*Unexpected endpoint.*/v1"):
        asked(engine)


def test_an_address_that_leads_to_itself_is_no_matter_of_certificates(engine: Any) -> None:
    def leads(scripted: Any, handler: Any, request: Any) -> None:
        handler.send_response(307)
        handler.send_header("location", handler.path)
        handler.send_header("content-length", "0")
        handler.end_headers()

    engine.behaviours = [leads]
    with pytest.raises(PPCRError, match="from one address to the next") as caught:
        asked(engine)
    assert "certificate" not in str(caught.value)


@pytest.mark.parametrize(
    "raw",
    [
        f"{SECRET}\n# of the lab".encode(), f"{SECRET}\r{SECRET}".encode(),
        f"{SECRET}\u00fc".encode(), f"{SECRET}".encode("utf-16"), f"{SECRET}\x00".encode(), b"\n",
    ],
)  # fmt: skip
def test_a_file_that_holds_no_key_is_named_and_not_shown(
    engine: Any, raw: bytes, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(raw)
    with pytest.raises(ConfigError, match=r"mllm\.api_key_file") as caught:
        asked(engine, api_key_file=str(tmp_path / "key"))
    assert SECRET[:6] not in str(caught.value)
    assert not engine.requests


def test_a_mark_of_the_byte_order_is_taken_off(
    engine: Any, behaviours: Any, tmp_path: Path
) -> None:
    engine.behaviours = [behaviours.says("left")]
    (tmp_path / "key").write_text(f"{SECRET}\r\n", encoding="utf-8-sig")
    asked(engine, api_key_file=str(tmp_path / "key"))
    assert engine.keys == [f"Bearer {SECRET}"]


def test_a_key_that_the_engine_repeats_is_not_told(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PPCR_API_KEY", SECRET)
    engine.behaviours = [sends(json.dumps({"error": f"wrong key {SECRET}"}), 401)]
    with pytest.raises(EngineRefused, match=r"wrong key \*\*\*") as caught:
        asked(engine)
    assert SECRET not in str(caught.value)


def test_a_password_in_the_address_is_not_told(engine: Any, behaviours: Any) -> None:
    address = engine.url.replace("://", f"://robot:{SECRET}@")
    for behave in (behaviours.refuses(401), sends("{}"), behaviours.says("x", finish="abort")):
        engine.behaviours = [behave]
        with pytest.raises(PPCRError, match=engine.url) as caught:
            asked(engine, endpoint=address)
        assert SECRET not in str(caught.value)
    for more in ({"endpoint": f"http://robot:{SECRET}/x@host:1/v1"}, {"model": "embedded"}):
        with pytest.raises(ConfigError) as wrong:
            asked(engine, **{"endpoint": address, **more})
        assert SECRET not in str(wrong.value)
    assert shown_address("see http://a:b@c/d") == "see http://c/d"


@pytest.mark.parametrize(
    "endpoint",
    ["", "workstation:8000", "http://", "http:///v1", "http://h:99999/v1", "http://h:x/v1",
     "http://[::1/v1", "http://a b/v1", " http://h/v1", "http://h/v1?a=b", "http://h/v1#x"],
)  # fmt: skip
def test_what_is_no_address_is_told_as_such(engine: Any, endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"mllm\.endpoint is .*; expected"):
        asked(engine, endpoint=endpoint)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSL_CERT_FILE", "/no/such.pem"), ("SSL_CERT_FILE", __file__),
        ("ALL_PROXY", f"gopher://robot:{SECRET}@h:1"), ("HTTP_PROXY", f"robot:{SECRET}@h:9:8"),
        ("SSLKEYLOGFILE", "/no/such/file"),
    ],
)  # fmt: skip
def test_an_environment_that_does_not_do_is_told(
    engine: Any, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ModelLoadError, match=name) as caught:
        asked(engine)
    assert SECRET not in str(caught.value)
    assert "mllm.endpoint" in str(caught.value)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
PIECE = b'data: {"choices": [{"index": 0, "delta": {"content": "{"}}]}\n\n'


@pytest.mark.parametrize("raw", [b"", HEAD, HEAD + PIECE], ids=["no head", "head", "a piece"])
@pytest.mark.parametrize("how", ["cancelled", "too slow"])
def test_the_engine_sees_at_once_that_nobody_waits_any_more(
    engine: Any, raw: bytes, how: str
) -> None:
    reached, left = threading.Event(), threading.Event()

    def waits(scripted: Any, handler: Any, request: Any) -> None:
        handler.connection.sendall(raw)
        reached.set()
        handler.connection.settimeout(60)
        if handler.connection.recv(1) == b"":
            left.set()

    engine.behaviours = [waits]
    if how == "too slow":
        with pytest.raises(EngineTimeout):
            asked(engine, first_token_timeout_sec=0.5, answer_timeout_sec=0.5)
    else:
        cancel = CancelToken()

        def cancel_once_asked() -> None:
            reached.wait(60)
            threading.Event().wait(0.2)
            cancel.cancel("newer command")

        threading.Thread(target=cancel_once_asked, daemon=True).start()
        with pytest.raises(Cancelled):
            asked(engine, cancel)
    assert left.wait(1.0)


def test_the_connection_is_used_again_after_a_whole_answer_and_made_anew_after_a_cancel(
    engine: Any, behaviours: Any
) -> None:
    config = MllmConfig(family="served", endpoint=engine.url, model="m", retries=0)
    conversation = factory.load_served(config).open(FRAME)
    engine.behaviours = [behaviours.hangs("{"), behaviours.says("left")]
    cancel = CancelToken()
    threading.Timer(0.3, cancel.cancel, ["newer"]).start()
    with pytest.raises(Cancelled):
        conversation.ask(Turn("x"), max_new_tokens=8, cancel=cancel)
    for _ in range(2):
        answer = conversation.ask(Turn("x"), max_new_tokens=8, cancel=CancelToken())
        assert answer.text == "left"

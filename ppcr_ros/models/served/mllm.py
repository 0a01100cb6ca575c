"""An MLLM that an engine serves: the dialect is ours, the model is theirs."""

from __future__ import annotations

import base64
import math
import re
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.interfaces import Answer, Dialect, Turn
from ppcr_ros.core.types import Frame
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.served.client import EngineClient
from ppcr_ros.models.served.pieces import EngineAnswer

_MARKUP = re.compile(r"<(?=[|/\uff5c]?\w[^<>]{0,64}>)")
"""What an engine's tokenizer might take for a special token: ``<|im_end|>``, ``<image>``."""
_TOP_LOGPROBS = 20
_ANY_TURN = "x"


class ServedMllm:
    """A `core.interfaces.Mllm` behind an endpoint; nothing is asked of it before the first turn."""

    placement = "served"

    def __init__(self, config: MllmConfig, family: MllmFamily, client: EngineClient) -> None:
        """Take the configuration, the family that the engine's model belongs to, and the client."""
        self.name = f"served:{config.served_family}:{config.model}"
        self.family, self.dialect, self.client = family, _as_dialect(family), client
        self.config = config
        self.extras: dict[str, Any] = {}
        """What the engine is told beyond what is common to all of them."""
        if family.template_options:
            self.extras["chat_template_kwargs"] = dict(family.template_options)
        if family.answers_in_tokens:
            self.extras["skip_special_tokens"] = False

    def open(self, frame: Frame) -> ServedConversation:
        """Begin a conversation about ``frame``; the image is sent with the first turn."""
        return ServedConversation(self, frame)

    def answers(self) -> bool:
        """Whether the engine can be reached now."""
        try:
            self.client.model_names()
        except Exception:  # noqa: BLE001 - any fault is a no
            return False
        return True

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()


class ServedConversation:
    """A `core.interfaces.Conversation`: the whole list of messages is sent each turn.

    Its beginning is the same bytes each time, so that an engine with a prefix cache reads only what
    is new: the system's text is shared by all robots, the image by the turns about it.
    """

    def __init__(self, mllm: ServedMllm, frame: Frame) -> None:
        self._mllm, self._family, self._client = mllm, mllm.family, mllm.client
        size = mllm.family.served_size_px(
            (frame.width_px, frame.height_px),
            mllm.config.min_image_tokens,
            mllm.config.max_image_tokens,
        )
        self._seen_size_px = size
        self._image = image_url(frame.rgb, size)
        self._messages: list[dict[str, Any]] = []

    def read_image(self) -> None:
        """Have the engine read the system's text and the image into its prefix cache."""
        if not self._messages:
            self._client.ask(
                self._with(Turn(_ANY_TURN)),
                max_tokens=1,
                cancel=CancelToken(),
                extras=self._mllm.extras,
            )

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        """Say ``turn`` and return the greedy answer.

        Its probabilities are empty where the engine does not tell them, and there are no hidden
        states.

        Raises:
            Cancelled: when ``cancel`` was raised.
            MllmUnavailable: where the engine is down, slow or full.
            PPCRError: where it refuses the request.
        """
        messages = self._with(turn)
        written = self._client.ask(
            messages,
            max_tokens=max_new_tokens,
            cancel=cancel,
            extras=self._mllm.extras,
            as_json=turn.form is not None and self._mllm.config.constrain_answers,
        )
        if self._family.continues_cache:
            reply = {"role": "assistant", "content": written.text}
            self._messages = [*messages, reply]
        return _answer(written, self._seen_size_px)

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float | None:
        """The probability 0..1 of yes against no; None where the engine does not tell both."""
        written = self._client.ask(
            self._with(turn),
            max_tokens=1,
            cancel=cancel,
            extras=self._mllm.extras,
            top_logprobs=_TOP_LOGPROBS,
        )
        shares = {"yes": 0.0, "no": 0.0}
        for token, logprob in written.first.items():
            word = token.strip().casefold()
            if word in shares:
                shares[word] += math.exp(logprob)
        total = sum(shares.values())
        return shares["yes"] / total if total > 0 else None  # NaN, of one not told, is neither

    def _with(self, turn: Turn) -> list[dict[str, Any]]:
        """All messages, ``turn`` at their end."""
        text = harmless(turn.text, self._family)
        if self._messages:
            return [*self._messages, {"role": "user", "content": text}]
        image = {"type": "image_url", "image_url": {"url": self._image}}
        asked = {"role": "user", "content": [image, {"type": "text", "text": text}]}
        if not self._family.system:
            return [asked]
        return [{"role": "system", "content": self._family.system}, asked]


def _as_dialect(family: MllmFamily) -> Dialect:
    return family


def harmless(text: str, family: MllmFamily) -> str:
    """``text`` with a space inside everything that an engine might read as a special token."""

    def broken(match: re.Match[str]) -> str:
        end = text.index(">", match.start()) + 1
        return "<" if family.writes_token(text[match.start() : end]) else "< "

    return _MARKUP.sub(broken, text)


def image_url(rgb: Any, size_px: tuple[int, int]) -> str:
    """An image (H, W, 3) uint8 RGB as a data URL, resized to (width, height) where it is not that.

    PNG loses nothing: the engine sees the very pixels that a model on the robot would. OpenCV's own
    settings pack a camera's image faster and smaller than Pillow does at any level.
    """
    image = Image.fromarray(rgb)
    if image.size != size_px:
        image = image.resize(size_px, Image.Resampling.BICUBIC)
    _, packed = cv2.imencode(".png", np.asarray(image)[..., ::-1])
    return "data:image/png;base64," + base64.b64encode(packed.tobytes()).decode("ascii")


def _answer(written: EngineAnswer, seen_size_px: tuple[int, int]) -> Answer:
    complete = "".join(written.tokens) == written.text and bool(written.tokens)
    # Some engines tell the end token too; what is said is what counts.
    pairs = list(zip(written.tokens, written.logprobs, strict=True))
    while not complete and pairs and "".join(token for token, _ in pairs) != written.text:
        pairs.pop()
    if any(math.isnan(logprob) for _, logprob in pairs):
        pairs = []  # the confidence of the whole would be that of the tokens that are told
    tokens = tuple(token for token, _ in pairs)
    probabilities = np.exp(np.array([logprob for _, logprob in pairs], np.float32))
    return Answer(
        text=written.text,
        tokens=tokens,
        probabilities=probabilities.astype(np.float32),
        image_size_px=seen_size_px,
        truncated=written.truncated,
    )

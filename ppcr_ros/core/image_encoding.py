"""Reading the image: the part of a run that does not wait for a word of the command."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Conversation, Segmenter
from ppcr_ros.core.types import Frame

_CANCEL_POLL_SEC = 0.05


class Encoding:
    """Stage 3's image embedding, made on the encoder's thread where there is one.

    Args:
        segmenter: encodes the image.
        frame: the image.
        executor: the encoder's thread, on which it begins at once; None to begin when it is wanted.
    """

    def __init__(
        self, segmenter: Segmenter, frame: Frame, executor: ThreadPoolExecutor | None
    ) -> None:
        self._segmenter, self._frame = segmenter, frame
        self._future: Future[tuple[Any, float]] | None = (
            executor.submit(self._timed) if executor else None
        )

    def _timed(self) -> tuple[Any, float]:
        started = time.perf_counter()
        return self._segmenter.encode(self._frame), time.perf_counter() - started

    def result(self, cancel: CancelToken) -> tuple[Any, float]:
        """The embedding and the seconds it took.

        Raises:
            Cancelled: when ``cancel`` was raised, without waiting for the encoder.
        """
        cancel.raise_if_cancelled()
        if self._future is None:
            return self._timed()
        while not wait((self._future,), timeout=_CANCEL_POLL_SEC).done:
            cancel.raise_if_cancelled()
        return self._future.result()

    def abandon(self) -> None:
        """Let go of an embedding that is no longer wanted.

        One that is being made goes on by itself; the encoder's thread takes the next one after it.
        """
        if self._future is not None:
            self._future.cancel()


@dataclass(frozen=True)
class Encoded:
    """An embedding that was made before the run, which spends no time on it; as `Encoding`."""

    embedding: Any

    def result(self, cancel: CancelToken) -> tuple[Any, float]:
        """The embedding and 0 seconds.

        Raises:
            Cancelled: when ``cancel`` was raised.
        """
        cancel.raise_if_cancelled()
        return self.embedding, 0.0

    def abandon(self) -> None:
        """Nothing goes on that could be let go of."""


@dataclass(eq=False)
class ReadFrame:
    """A frame that both models have read before its command came; it serves one run.

    Attributes:
        frame: the image.
        conversation: one about it, in which nothing has been said.
        embedding: the segmenter's.
        reader: whose models read it; another pipeline reads the frame itself.
        spent: whether a run has begun with it; a further one reads the frame itself.
    """

    frame: Frame
    conversation: Conversation
    embedding: Any
    reader: object
    spent: bool = False

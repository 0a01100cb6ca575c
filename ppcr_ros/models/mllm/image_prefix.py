"""The prefix of a conversation: the template's head, and the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image

from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.models.mllm.family import MllmFamily
from ppcr_ros.models.mllm.token_engine import SequenceState


@dataclass
class ImagePrefix:
    """The beginning of a conversation, up to the image's end, read before its first turn.

    Attributes:
        state: has read it.
        ids: what was read.
        image_id: the image's token.
        n_image: how many of them there are.
        expands_alone: whether the processor only repeats the image's token, so that a prompt's
            tokens are known without processing the image again.
    """

    state: SequenceState
    ids: list[int]
    image_id: int
    n_image: int
    expands_alone: bool = False

    def expanded(self, ids: list[int]) -> list[int]:
        """``ids`` with the image's token repeated; as they are where it does not stand alone."""
        if ids.count(self.image_id) != 1:
            return ids
        place = ids.index(self.image_id)
        return [*ids[:place], *[self.image_id] * self.n_image, *ids[place + 1 :]]

    def behind(self, ids: list[int]) -> list[int] | None:
        """What of ``ids`` is left to be read; None where they do not begin with what was read."""
        n = len(self.ids)
        return ids[n:] if ids[:n] == self.ids and len(ids) > n else None


class PromptReader:
    """Makes tokens and tensors of a prompt about one image.

    Attributes:
        seen_size_px: (width, height) of the image as the model sees it; the image's own before
            `process` was called.
    """

    def __init__(self, name: str, family: MllmFamily, processor: Any, image: Image.Image) -> None:
        """Take the model's name for messages, its family, its processor, and the image (RGB)."""
        self._name, self._family, self._processor, self._image = name, family, processor, image
        self.seen_size_px: tuple[int, int] = image.size

    def process(self, prompt: str) -> Any:
        """The processor's output for ``prompt`` and the image.

        Raises:
            InvalidFrameError: when the image processor refuses the image.
        """
        width_px, height_px = self._image.size
        try:
            processed = self._processor(
                text=[prompt], images=[self._image], return_tensors="pt", **self._special(prompt)
            )
        except ValueError as error:
            raise InvalidFrameError(
                f"the image processor of {self._name} refuses the {width_px}x{height_px} image: "
                f"{error}"
            ) from error
        self.seen_size_px = self._family.seen_size_px(
            self._processor, processed, (width_px, height_px)
        )
        return processed

    def text_ids(self, prompt: str) -> list[int]:
        """The tokens of ``prompt`` as they are without an image."""
        ids = self._processor.tokenizer(prompt, **self._special(prompt))["input_ids"]
        return [int(id_) for id_ in ids]

    def prefix_of(
        self, prompt: str, ids: list[int], image_id: int, state: SequenceState
    ) -> ImagePrefix:
        """The beginning of ``ids``, which are ``prompt`` with the image; ``state`` has read it."""
        n = len(ids) - ids[::-1].index(image_id)
        prefix = ImagePrefix(state, ids[:n], image_id, ids.count(image_id))
        prefix.expands_alone = prefix.expanded(self.text_ids(prompt)) == ids
        return prefix

    def ids_behind(self, prefix: ImagePrefix, prompt: str) -> list[int] | None:
        """What of ``prompt`` stands behind ``prefix``; None where it begins otherwise."""
        if prefix.expands_alone:
            return prefix.behind(prefix.expanded(self.text_ids(prompt)))
        return prefix.behind(self.process(prompt)["input_ids"][0].tolist())

    def _special(self, prompt: str) -> dict[str, bool]:
        """Keep the tokenizer from beginning the sequence where the template already did."""
        begin = self._processor.tokenizer.bos_token
        return {"add_special_tokens": False} if begin and prompt.startswith(begin) else {}

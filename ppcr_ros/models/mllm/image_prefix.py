"""What stands before the first words of a conversation: the template's head, and the image."""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_ros.models.mllm.engine import SequenceState


@dataclass
class ReadHead:
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

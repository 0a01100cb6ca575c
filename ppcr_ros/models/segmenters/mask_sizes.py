"""Scales a mask decoder's logits to masks of the frame's own size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


def resize_logits(logits: Tensor, size_px: tuple[int, int]) -> Tensor:
    """``logits`` (n, h, w) bilinearly resized to (n, *size_px)."""
    batch = functional.interpolate(logits[None], size_px, mode="bilinear", align_corners=False)
    return batch[0]


def resized_positive(logits: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Where `resize_logits` gives a positive number: (n, *size_px) bool.

    Between numbers that are not positive there is none that is; on a CPU only the neighbourhood of
    the positive ones is resized, which for a mask of one object is a small part of a frame.
    """
    if logits.device.type != "cpu":
        return resize_logits(logits, size_px) > 0
    masks = torch.zeros((len(logits), *size_px), dtype=torch.bool)
    rows, columns = (_Axis.of(n, out) for n, out in zip(logits.shape[1:], size_px, strict=True))
    for mask, values in zip(masks, logits.float(), strict=True):
        positive = values > 0
        high, wide = rows.met_by(positive.any(1)), columns.met_by(positive.any(0))
        if high is not None and wide is not None:
            near = columns.cut(wide).mixed(values.t()).t()
            mask[high, wide] = rows.cut(high).mixed(near) > 0
    return masks


@dataclass(frozen=True)
class _Axis:
    """Resizing of one axis: each new place lies between two old ones.

    Attributes:
        first: (n,) int64, the old place before.
        second: (n,) int64, the old place behind.
        share: (n, 1) float32, how much of the second is in the new one.
    """

    first: Tensor
    second: Tensor
    share: Tensor

    @classmethod
    def of(cls, n_old: int, n_new: int) -> _Axis:
        middles = (torch.arange(n_new, dtype=torch.float32) + 0.5) * (n_old / n_new) - 0.5
        middles.clamp_(min=0.0)
        first = middles.long()
        share = (middles - first)[:, None]
        return cls(first, (first + 1).clamp(max=n_old - 1), share)

    def met_by(self, old: Tensor) -> slice | None:
        """The new places between any of those that ``old`` (n,) bool marks."""
        marked = old.nonzero()
        if not len(marked):
            return None
        met = (self.second >= marked[0]) & (self.first <= marked[-1])
        places = met.nonzero()
        return slice(int(places[0]), int(places[-1]) + 1) if len(places) else None

    def cut(self, to: slice) -> _Axis:
        return _Axis(self.first[to], self.second[to], self.share[to])

    def mixed(self, values: Tensor) -> Tensor:
        """``values`` (n_old, m) at the new places, (n, m)."""
        return values[self.first] * (1.0 - self.share) + values[self.second] * self.share


def unpadded(logits: Tensor, padded_side_px: int, input_size_px: tuple[int, int]) -> Tensor:
    """``logits`` (n, h, w) over a padded square, without the padding: (n, *input_size_px).

    The detour over the padded square's own size, on the way to the frame's, is what SAM was
    evaluated with.
    """
    height, width = input_size_px
    return resize_logits(logits, (padded_side_px, padded_side_px))[:, :height, :width]

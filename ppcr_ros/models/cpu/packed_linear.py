"""Matrices that are laid out once, for small models on a CPU.

A product of a few dozen rows is over in a fraction of a millisecond, of which a tenth to a fifth
goes into laying out the matrix as the processor multiplies it fastest. Here oneDNN does that when
the model is loaded, by the operators that torch.compile uses for frozen weights. Where they are
missing PyTorch's own function is used; sums are taken in another order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class PackedLinear:
    """``x @ weight.T`` in float32 on a CPU, without gradients.

    Attributes:
        packed: the weight as oneDNN has laid it out; None where it has not.

    Args:
        weight: (outputs, inputs) float32; later changes are not seen.
        rows: about how many rows are multiplied at once.
    """

    @torch.no_grad()
    def __init__(self, weight: Tensor, *, rows: int) -> None:
        self._weight: Tensor | None = weight.detach().contiguous()
        self.packed: Any = None
        try:
            self.packed = torch.ops.mkldnn._reorder_linear_weight(self._weight, rows)
            probe = torch.linspace(-1.0, 1.0, 2 * weight.shape[1]).view(2, -1)
            plain = functional.linear(probe, self._weight)
            if torch.allclose(self(probe), plain, atol=1e-3, rtol=1e-3):
                self._weight = None
                return
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            pass  # not a part of PyTorch's interface: another version may do without it
        self.packed = None

    def __call__(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        if self.packed is None:
            assert self._weight is not None
            return functional.linear(x, self._weight)
        output: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, None, "none", [], "")
        return output

"""Linear layers whose weights are laid out once, for small models on a CPU.

A product of a few hundred rows is over in a millisecond, of which a tenth to a fifth goes into
laying out the weight as the processor multiplies it fastest. Here oneDNN does that when the model
is loaded, by the operators that torch.compile uses for frozen weights, and it applies the
activation while the sums are still in the cache. Where they are missing the layer computes with
PyTorch's own functions; sums are taken in another order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_ACTIVATIONS = {"": ("none", ""), "gelu": ("gelu", "none"), "gelu_tanh": ("gelu", "tanh")}
"""oneDNN's name of each, and how it is worked out."""


class PackedLinear:
    """``activation(x @ weight.T + bias)`` in float32 on a CPU, without gradients.

    Args:
        weight: (outputs, inputs) float32; later changes are not seen.
        bias: (outputs,); or None.
        rows: about how many rows are multiplied at once.
        activation: ``gelu``, ``gelu_tanh`` or empty.
    """

    @torch.no_grad()
    def __init__(
        self, weight: Tensor, bias: Tensor | None, *, rows: int, activation: str = ""
    ) -> None:
        self._weight: Tensor | None = weight.detach().contiguous()
        self._bias = None if bias is None else bias.detach()
        self._kind, self._algorithm = _ACTIVATIONS[activation]
        self.packed: Any = None
        self._pack(rows)

    @classmethod
    def of(cls, *layers: Any, rows: int, activation: str = "") -> PackedLinear:
        """One in place of several ``nn.Linear`` with the same input, or of a single one.

        Their outputs stand one behind the other; all of them have a bias, or none has.
        """
        weight = torch.cat([layer.weight for layer in layers])
        biases = [layer.bias for layer in layers if layer.bias is not None]
        bias = torch.cat(biases) if biases else None
        return cls(weight, bias, rows=rows, activation=activation)

    def __call__(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        if self.packed is None:
            return self._plain(x)
        output: Tensor = torch.ops.mkldnn._linear_pointwise(
            x, self.packed, self._bias, self._kind, [], self._algorithm
        )
        return output

    def _plain(self, x: Tensor) -> Tensor:
        assert self._weight is not None
        output = functional.linear(x, self._weight, self._bias)
        if self._kind == "none":
            return output
        return functional.gelu(output, approximate=self._algorithm)

    def _pack(self, rows: int) -> None:
        """Lay out the weight as oneDNN does; leave it as it is where that cannot be."""
        assert self._weight is not None
        try:
            self.packed = torch.ops.mkldnn._reorder_linear_weight(self._weight, rows)
            probe = torch.linspace(-1.0, 1.0, 2 * self._weight.shape[1]).view(2, -1)
            if torch.allclose(self(probe), self._plain(probe), atol=1e-3, rtol=1e-3):
                self._weight = None
                return
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            pass  # not a part of PyTorch's interface: another version may do without it
        self.packed = None

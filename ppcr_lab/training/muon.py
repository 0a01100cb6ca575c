"""Muon with its inner products in a number format that the machine is fast in.

`torch.optim.Muon` takes them in bfloat16 wherever it runs. A CPU without instructions for it
spends more time on that than on the whole rest of a training step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_MOMENTUM = 0.95
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_LEAST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """MomentUm Orthogonalized by Newton-Schulz (Jordan et al. 2024), with Nesterov momentum.

    The same as ``torch.optim.Muon(..., adjust_lr_fn="match_rms_adamw")`` but for the format of the
    products: a step is as large as one of AdamW with the same rate (Liu et al., arXiv 2502.16982).

    Args:
        parameters: matrices.
        lr: the learning rate.
        weight_decay: decoupled, times the rate.
        product_dtype: of the inner products; by default that of the parameters.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        *,
        lr: float,
        weight_decay: float = 0.0,
        product_dtype: torch.dtype | None = None,
    ) -> None:
        self._product_dtype = product_dtype
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step; parameters without a gradient stay as they are."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            rate, decay = group["lr"], group["weight_decay"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(parameter)
                momentum = state["momentum_buffer"].lerp_(parameter.grad, 1.0 - _MOMENTUM)
                direction = parameter.grad.lerp(momentum, _MOMENTUM)
                update = orthogonalized(direction.to(self._product_dtype or direction.dtype))
                parameter.mul_(1.0 - rate * decay)
                parameter.add_(update, alpha=-0.2 * rate * math.sqrt(max(parameter.shape)))
        return loss


def orthogonalized(matrix: Tensor) -> Tensor:
    """A matrix with the singular vectors of ``matrix`` and singular values of about 1."""
    first, second, third = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    result = matrix.T if tall else matrix
    result = result / result.norm().clamp(min=_LEAST_NORM)
    for _ in range(_ITERATIONS):
        gram = result @ result.T
        mixed = torch.addmm(gram, gram, gram, beta=second, alpha=third)
        result = torch.addmm(result, mixed, result, beta=first)
    return result.T if tall else result

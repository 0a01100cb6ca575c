"""Muon: the steps of torch's own, with inner products in another format where that is faster."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from ppcr_lab.training.muon import Muon, orthogonalized  # noqa: E402


@pytest.mark.parametrize("product_dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("shape", [(24, 24), (24, 60), (60, 24)])
def test_the_steps_are_those_of_torchs_own(shape: tuple[int, int], product_dtype: Any) -> None:
    torch.manual_seed(0)
    start = torch.randn(shape)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    kinds = (
        Muon([ours], lr=0.1, weight_decay=0.02, product_dtype=product_dtype),
        torch.optim.Muon([theirs], lr=0.1, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
    )
    for _ in range(5):
        gradient = torch.randn(shape)
        for parameter, optimizer in zip((ours, theirs), kinds, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    moved = (theirs - start).norm()
    assert moved > 0.1
    assert (ours - theirs).norm() < 0.02 * moved  # bfloat16 keeps two to three digits


@pytest.mark.parametrize("shape", [(16, 16), (16, 40), (40, 16)])
def test_all_directions_count_about_the_same(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalized(torch.randn(shape) * 1e-3))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not orthogonalized(torch.zeros(4, 6)).any()


def test_what_has_no_gradient_stays_and_the_momentum_is_saved() -> None:
    moved, still = (torch.nn.Parameter(torch.ones(4, 4)) for _ in range(2))
    optimizer = Muon([moved, still], lr=0.1)
    moved.grad = torch.eye(4)
    optimizer.step()
    assert not torch.equal(moved, torch.ones(4, 4))
    assert torch.equal(still, torch.ones(4, 4))
    other = Muon([moved, still], lr=0.1)
    other.load_state_dict(optimizer.state_dict())
    assert torch.equal(
        other.state[moved]["momentum_buffer"], optimizer.state[moved]["momentum_buffer"]
    )

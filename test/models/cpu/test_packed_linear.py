"""Linear layers with packed weights compute what PyTorch's do, with oneDNN or without."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from ppcr_ros.models.cpu.packed_linear import PackedLinear  # noqa: E402

functional = torch.nn.functional


def random(*shape: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture(params=["oneDNN", "without"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "without":
        monkeypatch.delattr(torch.ops.mkldnn, "_reorder_linear_weight", raising=False)
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    elif PackedLinear(random(8, 8), rows=4).packed is None:
        pytest.skip("this PyTorch has no oneDNN layers with packed weights")
    return str(request.param)


@pytest.mark.parametrize("shape", [(1, 24), (7, 24), (300, 24), (3, 16, 24)])
def test_it_computes_what_pytorch_does(shape: tuple[int, ...], backend: str) -> None:
    weight, x = random(40, 24), random(*shape)
    with torch.inference_mode():
        found = PackedLinear(weight, rows=300)(x)
    assert found.shape == (*shape[:-1], 40)
    torch.testing.assert_close(found, functional.linear(x, weight), atol=1e-5, rtol=1e-5)


def test_a_transposed_weight_may_be_given(backend: str) -> None:
    weight, x = random(24, 40).t(), random(5, 24)
    with torch.inference_mode():
        found = PackedLinear(weight, rows=5)(x)
    torch.testing.assert_close(found, functional.linear(x, weight), atol=1e-5, rtol=1e-5)


def test_operators_that_compute_something_else_are_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        @staticmethod
        def _reorder_linear_weight(weight: Any, rows: int) -> Any:
            return weight

        @staticmethod
        def _linear_pointwise(x: Any, weight: Any, *rest: Any) -> Any:
            return functional.linear(x, weight) + 1.0

    monkeypatch.setattr(torch.ops, "mkldnn", Broken)
    weight, x = random(40, 24), random(5, 24)
    layer = PackedLinear(weight, rows=5)
    torch.testing.assert_close(layer(x), functional.linear(x, weight))

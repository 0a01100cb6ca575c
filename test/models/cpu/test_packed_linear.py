"""Linear layers with packed weights compute what PyTorch's do, with oneDNN or without."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from ppcr_ros.models.cpu.packed_linear import PackedLinear  # noqa: E402

functional = torch.nn.functional
ACTIVATIONS = {
    "": lambda x: x,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
}


def random(*shape: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture(params=["oneDNN", "without"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "without":
        monkeypatch.delattr(torch.ops.mkldnn, "_reorder_linear_weight", raising=False)
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    elif PackedLinear(random(8, 8), None, rows=4).packed is None:
        pytest.skip("this PyTorch has no oneDNN layers with packed weights")
    return str(request.param)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 24), (7, 24), (300, 24), (3, 16, 24)])
def test_it_computes_what_pytorch_does(
    activation: str, with_bias: bool, shape: tuple[int, ...], backend: str
) -> None:
    weight, bias, x = random(40, 24), random(40) if with_bias else None, random(*shape)
    layer = PackedLinear(weight, bias, rows=300, activation=activation)
    with torch.inference_mode():
        found = layer(x)
    expected = ACTIVATIONS[activation](functional.linear(x, weight, bias))
    assert found.shape == (*shape[:-1], 40)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_transposed_weight_may_be_given(backend: str) -> None:
    weight, x = random(24, 40).t(), random(5, 24)
    with torch.inference_mode():
        found = PackedLinear(weight, None, rows=5)(x)
    torch.testing.assert_close(found, functional.linear(x, weight), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("with_bias", [True, False])
def test_several_layers_become_one(with_bias: bool, backend: str) -> None:
    layers = [torch.nn.Linear(24, n, bias=with_bias) for n in (8, 16)]
    x = random(5, 24)
    with torch.inference_mode():
        found = PackedLinear.of(*layers, rows=5)(x)
        expected = torch.cat([layer(x) for layer in layers], dim=-1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


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
    layer = PackedLinear(weight, None, rows=5)
    torch.testing.assert_close(layer(x), functional.linear(x, weight))

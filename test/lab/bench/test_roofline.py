"""The arithmetic of the bounds, on shapes whose figures are known."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from torch.nn import functional  # noqa: E402

from ppcr_lab.bench.roofline import MachineSpeed, count_flop, machine_speed, roof, weight_bytes  # noqa: E402

MACHINE = MachineSpeed(bytes_per_sec=10e9, flop_per_sec=100e9, dtype="float32", device="cpu")


def test_a_matrix_product_has_two_operations_for_each_pair() -> None:
    layer, x = torch.nn.Linear(100, 200), torch.zeros(10, 100)
    assert count_flop(lambda: layer(x)) == 2 * 10 * 100 * 200


def test_a_convolution_is_counted() -> None:
    layer, x = torch.nn.Conv2d(3, 8, 3), torch.zeros(1, 3, 10, 10)
    assert count_flop(lambda: layer(x)) == 2 * 8 * 8 * 8 * 27


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_counted_with_both_products(masked: bool) -> None:
    query, key = torch.zeros(1, 2, 5, 16), torch.zeros(1, 2, 7, 16)
    mask = torch.ones(5, 7, dtype=torch.bool) if masked else None

    def attend() -> object:
        return functional.scaled_dot_product_attention(query, key, key, attn_mask=mask)

    assert count_flop(attend) == 2 * 2 * 5 * 7 * (16 + 16)


def test_weights_are_counted_once_and_tables_not() -> None:
    layer = torch.nn.Linear(10, 20)
    table = torch.nn.Embedding(1000, 10)
    assert weight_bytes([layer]) == 4 * (200 + 20)
    assert weight_bytes([layer, torch.nn.Sequential(layer, table)]) == 4 * 220
    assert weight_bytes([layer.to(torch.bfloat16)]) == 2 * 220
    assert weight_bytes([]) == 0


def test_the_slower_of_reading_and_counting_is_the_bound() -> None:
    reading = roof("token", n_bytes=20_000_000, flop=10_000_000, measured_ms=4.0, machine=MACHINE)
    assert reading.bound_by == "memory"
    assert reading.bound_ms == pytest.approx(2.0)
    assert reading.share == pytest.approx(0.5)
    counting = roof("tower", n_bytes=1000, flop=2_000_000_000, measured_ms=25.0, machine=MACHINE)
    assert counting.bound_by == "arithmetic"
    assert counting.bound_ms == pytest.approx(20.0)
    assert counting.share == pytest.approx(0.8)


def test_the_machine_is_measured() -> None:
    found = machine_speed(torch.device("cpu"), torch.float32, read_bytes=1 << 16, side=16, n=1)
    assert found.bytes_per_sec > 0
    assert found.flop_per_sec > 0
    assert (found.dtype, found.device) == ("float32", "cpu")

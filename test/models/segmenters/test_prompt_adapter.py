"""The adapter's network: shapes, padding, and which stage a state comes from."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture
def adapter() -> Any:
    """An adapter (20 -> 16, 3 tokens) whose last layer has left its zeros."""
    from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes, PromptAdapter

    torch.manual_seed(1)
    adapter = PromptAdapter(AdapterSizes(20, 16, 8, tokens=3, heads=2, depth=2)).eval()
    torch.nn.init.normal_(adapter.output.weight)
    return adapter


@pytest.mark.parametrize("lengths", [(5, 7), (1, 1), (5, 0), (0, 7)])
def test_the_tokens_are_as_many_whatever_the_prompts(
    lengths: tuple[int, int], adapter: Any
) -> None:
    semantic, spatial = (torch.randn(n, 20) if n else None for n in lengths)
    with torch.inference_mode():
        tokens = adapter.tokens_of(semantic, spatial)
    assert tokens.shape == (3, 16)
    assert tokens.dtype == torch.float32
    assert torch.isfinite(tokens).all()


def test_a_new_adapter_says_nothing() -> None:
    from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes, PromptAdapter

    adapter = PromptAdapter(AdapterSizes(20, 16, 16))
    assert not adapter.tokens_of(torch.randn(4, 20), None).any()


def test_padding_changes_nothing(adapter: Any) -> None:
    from ppcr_ros.models.segmenters.prompt_adapter import padded_states

    generator = torch.Generator().manual_seed(2)
    prompts = [
        (
            torch.randn(n, 20, generator=generator) if n else None,
            torch.randn(m, 20, generator=generator) if m else None,
        )
        for n, m in ((9, 4), (2, 1), (0, 3), (1, 0))
    ]
    with torch.inference_mode():
        together = adapter(*padded_states(prompts))
        for one, (semantic, spatial) in zip(together, prompts, strict=True):
            assert torch.allclose(one, adapter.tokens_of(semantic, spatial), atol=1e-5)


def test_the_same_states_mean_another_thing_in_another_stage(adapter: Any) -> None:
    states = torch.randn(4, 20, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        first, second = adapter.tokens_of(states, None), adapter.tokens_of(None, states)
        both = adapter.tokens_of(states, states)
    assert not torch.allclose(first, second, atol=1e-2)
    assert not torch.allclose(first, both, atol=1e-2)


def test_a_sample_without_states_is_refused(adapter: Any) -> None:
    from ppcr_ros.models.segmenters.prompt_adapter import padded_states

    with pytest.raises(ValueError, match="neither semantic nor spatial states"):
        padded_states([(torch.zeros(0, 20), None)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": 0}, "tokens is 0"),
        ({"width": 10}, "width is 10; expected a multiple of heads 4"),
        ({"depth": 1.5}, "depth is 1.5"),
    ],
)
def test_sizes_that_do_not_fit_each_other(changes: dict[str, Any], message: str) -> None:
    from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes

    with pytest.raises(ValueError, match=message):
        AdapterSizes(**{"mllm_width": 20, "decoder_width": 16, "width": 16, **changes})

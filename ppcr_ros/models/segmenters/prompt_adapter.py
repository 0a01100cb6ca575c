"""The prompt adapter: an MLLM's hidden states over both prompts as extra prompt tokens of a SAM.

A SAM's mask decoder reads sparse prompt tokens: two for a box, one for each point. The adapter
gives it a few more, made of what the MLLM thought while it wrote the semantic and the spatial
prompt. It is a small network of its own, trained for one pair of models (``ppcr train adapter``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

SEMANTIC, SPATIAL, PADDING = 0, 1, -1
"""The stage that a hidden state comes from, or that there is none at its place in a batch."""


@dataclass(frozen=True)
class AdapterSizes:
    """The sizes of a `PromptAdapter`.

    Attributes:
        mllm_width: width of the MLLM's hidden states.
        decoder_width: width of the mask decoder's prompt tokens.
        width: width within, split among ``heads``.
        tokens: how many prompt tokens it makes, however long the prompts are.
        heads: attention heads.
        depth: attention blocks.

    Raises:
        ValueError: when a size is not positive, or ``heads`` does not divide ``width``.
    """

    mllm_width: int
    decoder_width: int
    width: int
    tokens: int = 8
    heads: int = 4
    depth: int = 2

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1.")
        if self.width % self.heads:
            raise ValueError(f"width is {self.width}; expected a multiple of heads {self.heads}.")


class PromptAdapter(nn.Module):
    """Learned queries that read the hidden states over both prompts.

    Each stage has a projection and a mark of its own; where a prompt is missing, the queries read
    the other one alone. The last layer begins at zero: training starts from tokens that say
    nothing.
    """

    def __init__(self, sizes: AdapterSizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.width
        self.projections = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(sizes.mllm_width), nn.Linear(sizes.mllm_width, width))
            for _ in (SEMANTIC, SPATIAL)
        )
        self.stages = nn.Embedding(2, width)
        self.queries = nn.Parameter(torch.randn(sizes.tokens, width))
        self.blocks = nn.ModuleList(
            nn.TransformerDecoderLayer(
                width,
                sizes.heads,
                dim_feedforward=2 * width,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(sizes.depth)
        )
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, sizes.decoder_width)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, states: Tensor, stages: Tensor) -> Tensor:
        """The prompt tokens (b, ``tokens``, ``decoder_width``) of a batch, as of `padded_states`.

        Args:
            states: (b, n, ``mllm_width``) float, hidden states.
            stages: (b, n) int64, `SEMANTIC`, `SPATIAL` or `PADDING`; each row has a state.
        """
        semantic, spatial = (projection(states) for projection in self.projections)
        memory = torch.where((stages == SEMANTIC)[..., None], semantic, spatial)
        memory = memory + self.stages(stages.clamp(min=0))
        tokens = self.queries.expand(len(states), -1, -1)
        for block in self.blocks:
            tokens = block(tokens, memory, memory_key_padding_mask=stages == PADDING)
        output: Tensor = self.output(self.norm(tokens))
        return output

    def tokens_of(self, semantic: Tensor | None, spatial: Tensor | None) -> Tensor:
        """The prompt tokens (``tokens``, ``decoder_width``) of one pair of prompts.

        Args:
            semantic: (n1, ``mllm_width``) float, the states over the semantic prompt; or None.
            spatial: (n2, ``mllm_width``) float, those over the spatial prompt; or None.
        """
        tokens: Tensor = self(*padded_states([(semantic, spatial)]))[0]
        return tokens


def padded_states(prompts: Sequence[tuple[Tensor | None, Tensor | None]]) -> tuple[Tensor, Tensor]:
    """A batch of semantic and spatial states, as `PromptAdapter.forward` takes it.

    Args:
        prompts: for each sample (n1, d) and (n2, d), of which one may be None.

    Raises:
        ValueError: when a sample has no state at all.
    """
    rows, marks = [], []
    for pair in prompts:
        present = [(stage, x) for stage, x in enumerate(pair) if x is not None and len(x)]
        if not present:
            raise ValueError("a sample has neither semantic nor spatial states; expected some.")
        rows.append(torch.cat([x for _, x in present]))
        marks.append(
            torch.cat([torch.full((len(x),), stage, device=x.device) for stage, x in present])
        )
    return (
        pad_sequence(rows, batch_first=True),
        pad_sequence(marks, batch_first=True, padding_value=PADDING),
    )

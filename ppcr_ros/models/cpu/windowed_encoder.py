"""segment-anything's image encoder run block by block, for small models on a CPU.

The same weights as in the library's module. The patches lie window by window from the first block
to the one that looks at the whole image, so that no block takes the image apart and puts it
together again; and windows in which there is nothing but the padding below or beside the image, a
quarter of them at 640x480, are computed once for a size and not for every image. Sums are taken in
another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from ppcr_ros.models.cpu.fused_attention import added_by_places, to_all_places
from ppcr_ros.models.cpu.packed_linear import PackedLinear


@dataclass(frozen=True)
class _Block:
    """One block; the queries come out scaled for attention.

    Attributes:
        whole: whether it attends over the whole image, and not within its windows.
        rows: (side, d, side) of `added_by_places`.
        columns: (side, d, side) likewise.
    """

    whole: bool
    heads: int
    before_attention: nn.LayerNorm
    queries_keys_values: PackedLinear
    rows: Tensor
    columns: Tensor
    attention_output: PackedLinear
    before_mlp: nn.LayerNorm
    up: PackedLinear
    down: PackedLinear


class WindowedEncoder:
    """The image encoder of a `segment_anything.modeling.Sam`, in float32 on a CPU.

    Weights that change later are not seen. It may be used on several threads at once.
    """

    @torch.no_grad()
    def __init__(self, encoder: Any) -> None:
        patches = encoder.patch_embed.proj
        self._patches, self._patch_px = patches, int(patches.stride[0])
        self._positions: Tensor = encoder.pos_embed.detach()[0]
        self._grid = len(self._positions)
        self._window = next(b.window_size for b in encoder.blocks if b.window_size)
        self._blocks = [_block(block, self._grid) for block in encoder.blocks]
        self._first_whole = [block.whole for block in self._blocks].index(True)
        self._neck = encoder.neck
        self._padding: dict[tuple[int, int], Tensor] = {}

    @staticmethod
    def fits(encoder: Any) -> bool:
        """Whether ``encoder`` is one that can be run so: whole windows, and plain blocks."""
        weight = encoder.patch_embed.proj.weight
        if weight.device.type != "cpu" or weight.dtype != torch.float32:
            return False
        sizes = {block.window_size for block in encoder.blocks}
        windows = sizes - {0}
        if encoder.pos_embed is None or 0 not in sizes or len(windows) != 1:
            return False
        grid = encoder.pos_embed.shape[1]
        return bool(grid % windows.pop() == 0) and all(
            block.attn.use_rel_pos and type(block.mlp.act) is nn.GELU for block in encoder.blocks
        )

    def __call__(self, image: Tensor, input_size_px: tuple[int, int]) -> Tensor:
        """The embedding (1, d, rows, columns) of an image.

        Args:
            image: (1, 3, S, S) float32, normalised and padded with zeros below and to the right.
            input_size_px: its (height, width) without the padding.
        """
        window_px = self._window * self._patch_px
        seen = tuple(-(-side_px // window_px) for side_px in input_size_px)
        x = self._through_windows(self._windows_of(image, seen[0], seen[1]))
        x = self._with_padding(x, seen[0], seen[1])
        for block in self._blocks[self._first_whole :]:
            if block.whole:
                x = self._from_rows(self._through(block, self._to_rows(x)))
            else:
                x = self._through(block, x)
        rows = self._to_rows(x).view(1, self._grid, self._grid, -1)
        embedding: Tensor = self._neck(rows.permute(0, 3, 1, 2))
        return embedding

    def _windows_of(self, image: Tensor, rows: int, columns: int) -> Tensor:
        """(rows * columns, window * window, d) the patches of the first windows."""
        side, patch_px = self._window, self._patch_px
        height, width = rows * side, columns * side
        seen = self._patches(image[:, :, : height * patch_px, : width * patch_px])
        x = seen[0].permute(1, 2, 0) + self._positions[:height, :width]
        return _cut(x, side)

    def _through_windows(self, x: Tensor) -> Tensor:
        """Through the blocks before the first that looks at the whole image."""
        for block in self._blocks[: self._first_whole]:
            x = self._through(block, x)
        return x

    def _with_padding(self, x: Tensor, rows: int, columns: int) -> Tensor:
        """All windows of the square, those without anything of the image among them."""
        count = self._grid // self._window
        if (rows, columns) == (count, count):
            return x
        if (rows, columns) not in self._padding:
            side_px = self._grid * self._patch_px
            nothing = x.new_zeros((1, self._patches.in_channels, side_px, side_px))
            self._padding[rows, columns] = self._through_windows(
                self._windows_of(nothing, count, count)
            )
        # A copy: another thread may be at the same size.
        whole = self._padding[rows, columns].clone().view(count, count, *x.shape[1:])
        whole[:rows, :columns] = x.view(rows, columns, *x.shape[1:])
        return whole.flatten(0, 1)

    def _to_rows(self, x: Tensor) -> Tensor:
        """Windows (n, window * window, d) to the patches row by row, (1, grid * grid, d)."""
        count, side = self._grid // self._window, self._window
        x = x.view(count, count, side, side, -1).transpose(1, 2)
        return x.reshape(1, self._grid * self._grid, -1)

    def _from_rows(self, x: Tensor) -> Tensor:
        return _cut(x.view(self._grid, self._grid, -1), self._window)

    @staticmethod
    def _through(block: _Block, x: Tensor) -> Tensor:
        """(b, n, d) to (b, n, d); n patches attend to each other."""
        batch, n, _ = x.shape
        joined = block.queries_keys_values(block.before_attention(x))
        split = joined.view(batch, n, 3, block.heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = split.unbind(0)
        places = added_by_places(queries, block.rows, block.columns)
        attended = scaled_dot_product_attention(queries, keys, values, places, scale=1.0)
        attended = attended.transpose(1, 2).reshape(x.shape)
        x = block.attention_output(attended).add_(x)
        return block.down(block.up(block.before_mlp(x))).add_(x)


def _cut(x: Tensor, side: int) -> Tensor:
    """(H, W, d) into windows, (n, side * side, d)."""
    height, width, depth = x.shape
    x = x.reshape(height // side, side, width // side, side, depth).transpose(1, 2)
    return x.reshape(-1, side * side, depth)


def _block(block: Any, grid: int) -> _Block:
    attention, side = block.attn, block.window_size or grid
    depth = attention.qkv.in_features
    scales = torch.ones(3 * depth)
    scales[:depth] = attention.scale
    bias = attention.qkv.bias
    rows, columns = (
        # The queries are scaled already; what their places add is not.
        (to_all_places(side, table.detach()) / attention.scale).contiguous()
        for table in (attention.rel_pos_h, attention.rel_pos_w)
    )
    count = grid * grid
    return _Block(
        whole=block.window_size == 0,
        heads=attention.num_heads,
        before_attention=block.norm1,
        queries_keys_values=PackedLinear(
            attention.qkv.weight * scales[:, None],
            None if bias is None else bias * scales,
            rows=count,
        ),
        rows=rows,
        columns=columns,
        attention_output=PackedLinear.of(attention.proj, rows=count),
        before_mlp=block.norm2,
        up=PackedLinear.of(block.mlp.lin1, rows=count, activation="gelu"),
        down=PackedLinear.of(block.mlp.lin2, rows=count),
    )

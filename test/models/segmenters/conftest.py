"""Tiny random checkpoints of every family, saved to disk, and frames and prompts to try them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.types import Array, Frame, SemanticPrompt, SpatialPrompt

SIDE_PX = 64


@pytest.fixture(scope="package", autouse=True)
def _without_an_engine() -> Iterator[None]:
    """PyTorch alone: with random weights many answers are ties, which bfloat16 decides anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PPCR_CPU_ENGINE", "torch")
        yield


@pytest.fixture(scope="session", autouse=True)
def _libraries() -> None:
    """Skip where a library is missing; one thread, because tests run beside other work."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.set_num_threads(1)
    from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

    make_torchvision_importable()
    for name in ("torchvision", "segment_anything", "transformers"):
        pytest.importorskip(name, reason=f"{name} is not installed")


@pytest.fixture(scope="session")
def tiny_architecture() -> Any:
    """A `SamArchitecture` of a few thousand parameters."""
    from ppcr_ros.models.segmenters.sam_architecture import SamArchitecture

    return SamArchitecture(
        image_size_px=SIDE_PX,
        patch_size_px=8,
        embed_dim=16,
        depth=2,
        num_heads=2,
        window_size=4,
        global_attn_indexes=(1,),
        prompt_embed_dim=16,
        mask_in_chans=4,
        decoder_depth=1,
        decoder_mlp_dim=32,
        decoder_num_heads=2,
        iou_head_hidden_dim=16,
    )


@pytest.fixture(scope="session")
def sam_folder(tmp_path_factory: pytest.TempPathFactory, tiny_architecture: Any) -> Path:
    """A folder of segment_anything's Sam as `save_sam` writes it."""
    import torch

    from ppcr_ros.models.segmenters.sam_architecture import build_sam, save_sam

    folder = tmp_path_factory.mktemp("segment_anything")
    torch.manual_seed(18)
    sam = build_sam(tiny_architecture)
    _stir(sam)
    save_sam(sam, tiny_architecture, folder)
    return folder


PROMPT = {"hidden_size": 16, "image_size": SIDE_PX, "mask_input_channels": 4}
DECODER = {
    "hidden_size": 16, "mlp_dim": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
    "iou_head_hidden_dim": 16,
}  # fmt: skip


def _stir(model: Any) -> None:
    """Larger random weights, so that masks have edges and prompts move them."""
    import torch

    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(noise * 0.8 / parameter.shape[-1] ** 0.5)


@pytest.fixture(scope="session")
def transformers_sam_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import SamConfig, SamImageProcessor, SamModel

    folder = tmp_path_factory.mktemp("sam")
    vision = {
        "hidden_size": 16,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE_PX,
        "patch_size": 8,
        "window_size": 4,
        "global_attn_indexes": [1],
        "num_pos_feats": 8,
        "mlp_dim": 32,
        "initializer_range": 0.02,
    }
    prompt = {**PROMPT, "patch_size": 8, "image_embedding_size": SIDE_PX // 8}
    torch.manual_seed(3)
    model = SamModel(
        SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=DECODER)
    )
    _stir(model)
    model.save_pretrained(folder)
    SamImageProcessor(
        size={"longest_edge": SIDE_PX}, pad_size={"height": SIDE_PX, "width": SIDE_PX}
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sam2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model

    folder = tmp_path_factory.mktemp("sam2")
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE_PX, SIDE_PX],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 4, 2, 2],
        "window_positional_embedding_background_size": [4, 4],
        "global_attention_blocks": [3],
    }
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 16,
    }
    prompt = {**PROMPT, "patch_size": 16}
    torch.manual_seed(3)
    model = Sam2Model(
        Sam2Config(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=DECODER)
    )
    _stir(model)
    model.save_pretrained(folder)
    Sam2ImageProcessor(size={"height": SIDE_PX, "width": SIDE_PX}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sam3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import CLIPTokenizer, Sam3Config, Sam3ImageProcessor, Sam3Model

    folder = tmp_path_factory.mktemp("sam3")
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*letters, *(letter + "</w>" for letter in letters), "re", "red</w>"]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=[("r", "e"), ("re", "d</w>")],
        unk_token="<|endoftext|>",
    )
    width = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 32}
    torch.manual_seed(3)
    model = Sam3Model(
        Sam3Config(
            vision_config={
                "backbone_config": {
                    "model_type": "sam3_vit_model",
                    **width,
                    "num_hidden_layers": 2,
                    "image_size": 56,
                    "patch_size": 14,
                    "window_size": 2,
                    "global_attn_indexes": [1],
                    "pretrain_image_size": 28,
                },
                "fpn_hidden_size": 32,
                "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            },
            text_config={
                "vocab_size": len(pieces),
                **width,
                "num_hidden_layers": 1,
                "max_position_embeddings": 16,
                "projection_dim": 32,
                "bos_token_id": len(pieces) - 2,
                "eos_token_id": len(pieces) - 1,
            },
            geometry_encoder_config={**width, "num_layers": 1, "roi_size": 3},
            detr_encoder_config={**width, "num_layers": 1},
            detr_decoder_config={**width, "num_layers": 2, "num_queries": 7},
            mask_decoder_config={
                "hidden_size": 32,
                "num_attention_heads": 4,
                "num_upsampling_stages": 2,
            },
        )
    )
    _stir(model)
    model.save_pretrained(folder)
    Sam3ImageProcessor(size={"height": 56, "width": 56}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def family_folders(
    sam_folder: Path, transformers_sam_folder: Path, sam2_folder: Path, sam3_folder: Path
) -> dict[str, Path]:
    return {
        "segment_anything": sam_folder,
        "sam": transformers_sam_folder,
        "sam2": sam2_folder,
        "sam3": sam3_folder,
    }


class TinySams:
    """Tiny segmenters of every family, with frames and prompts to try them on."""

    red_mug = SemanticPrompt("the red mug", "mug", ("red",), confidence=0.9)

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders = folders

    def load(self, family: str, **options: Any) -> Any:
        """A segmenter of ``family`` with these options."""
        from ppcr_ros.models import segmenters

        model = str(self.folders[family])
        config = SegmenterConfig(family=family, model=model, device="cpu", **options)
        return segmenters.load(config, offline=True)

    def frame(self, height_px: int, width_px: int) -> Frame:
        """Coarse random colours."""
        rng = np.random.default_rng(height_px * 10_000 + width_px)
        rows, columns = np.arange(height_px) * 5 // height_px, np.arange(width_px) * 5 // width_px
        coarse = rng.integers(0, 256, (5, 5, 3), np.uint8)
        return Frame(np.ascontiguousarray(coarse[rows[:, None], columns[None, :]]))

    def prompt(
        self,
        box: tuple[float, float, float, float],
        points: tuple[tuple[float, float], ...] = (),
        labels: tuple[int, ...] = (),
    ) -> SpatialPrompt:
        """A box, and points with their labels."""
        return SpatialPrompt(
            text="there",
            box_xyxy_px=np.array(box, np.float32),
            points_xy_px=np.array(points, np.float32).reshape(-1, 2),
            point_labels=np.array(labels, np.int32),
            confidence=0.9,
        )


@pytest.fixture(scope="session")
def sams(family_folders: dict[str, Path]) -> TinySams:
    return TinySams(family_folders)


@pytest.fixture(scope="session")
def make_squares() -> Callable[[np.random.Generator], tuple[Array, list[Array]]]:
    """A frame (48, 64, 3) with a square on its left and one on its right, and the two masks."""

    def make(rng: np.random.Generator) -> tuple[Array, list[Array]]:
        rgb = np.full((48, 64, 3), 90, np.uint8)
        masks = []
        for left, colour in ((8, (220, 40, 40)), (38, (40, 60, 220))):
            x, y = left + int(rng.integers(3)), int(rng.integers(14, 18))
            mask = np.zeros((48, 64), np.bool_)
            mask[y : y + 16, x : x + 16] = True
            rgb[mask] = colour
            masks.append(mask)
        return rgb, masks

    return make

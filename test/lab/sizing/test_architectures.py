"""The numbers of the published architectures, against the real classes without their memory."""

from __future__ import annotations

from typing import Any

import pytest

from ppcr_lab.sizing.architectures import MLLMS, SEGMENTERS, SegmenterArchitecture
from ppcr_ros.weights.memory_estimate import shape_of_checkpoint

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")


@pytest.fixture(scope="module")
def transformers() -> Any:
    from ppcr_ros.models.torchvision_schemas import make_torchvision_importable

    make_torchvision_importable()
    import transformers

    return transformers


def parameters(module: Any) -> int:
    return sum(item.numel() for item in module.parameters())


def flops(module: Any, side_px: int) -> float:
    """The operations for one image, as PyTorch counts them; nothing is computed."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, 3, side_px, side_px))
    return float(counter.get_total_flops())


QWEN3_VISION = {
    "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16,
    "patch_size": 16, "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17],
}  # fmt: skip


def qwen3_vl(transformers: Any, width: int, layers: int, heads: int, mlp_width: int) -> Any:
    text = {
        "vocab_size": 151_936, "hidden_size": width, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": 8, "head_dim": 128,
        "intermediate_size": mlp_width, "tie_word_embeddings": True,
    }  # fmt: skip
    return transformers.Qwen3VLForConditionalGeneration(
        transformers.Qwen3VLConfig(
            text_config=text,
            vision_config={**QWEN3_VISION, "out_hidden_size": width},
            tie_word_embeddings=True,
        )
    )


def qwen2_5_vl(transformers: Any) -> Any:
    text = {
        "vocab_size": 151_936, "hidden_size": 2048, "num_hidden_layers": 36,
        "num_attention_heads": 16, "num_key_value_heads": 2, "intermediate_size": 11_008,
        "tie_word_embeddings": True,
    }  # fmt: skip
    return transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(
            text_config=text,
            vision_config={"hidden_size": 1280, "out_hidden_size": 2048},
            tie_word_embeddings=True,
        )
    )


def smolvlm(transformers: Any) -> Any:
    text = {
        "model_type": "llama", "vocab_size": 49_280, "hidden_size": 960, "num_hidden_layers": 32,
        "num_attention_heads": 15, "num_key_value_heads": 5, "head_dim": 64,
        "intermediate_size": 2560,
    }  # fmt: skip
    vision = {
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "image_size": 512, "patch_size": 16,
    }  # fmt: skip
    return transformers.Idefics3ForConditionalGeneration(
        transformers.Idefics3Config(
            text_config=text, vision_config=vision, scale_factor=4, tie_word_embeddings=False
        )
    )


def paligemma2(transformers: Any) -> Any:
    text = {
        "model_type": "gemma2", "vocab_size": 257_216, "hidden_size": 2304,
        "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4,
        "head_dim": 256, "intermediate_size": 9216,
    }  # fmt: skip
    vision = {
        "model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304,
        "num_hidden_layers": 27, "num_attention_heads": 16, "image_size": 448, "patch_size": 14,
        "vision_use_head": False,
    }  # fmt: skip
    return transformers.PaliGemmaForConditionalGeneration(
        transformers.PaliGemmaConfig(text_config=text, vision_config=vision, projection_dim=2304)
    )


BUILDERS: dict[str, Any] = {
    "Qwen/Qwen3-VL-2B-Instruct": lambda t: qwen3_vl(t, 2048, 28, 16, 6144),
    "Qwen/Qwen3-VL-4B-Instruct": lambda t: qwen3_vl(t, 2560, 36, 32, 9728),
    "Qwen/Qwen2.5-VL-3B-Instruct": qwen2_5_vl,
    "HuggingFaceTB/SmolVLM-500M-Instruct": smolvlm,
    "google/paligemma2-3b-mix-448": paligemma2,
}


@pytest.mark.parametrize("name", MLLMS)
def test_an_mllm_has_exactly_the_parameters_of_its_class(name: str, transformers: Any) -> None:
    with torch.device("meta"):
        model = BUILDERS[name](transformers)
    expected = MLLMS[name]
    found = parameters(model.get_decoder())
    head = 0 if expected.text.tied else expected.text.table_parameters
    assert found == expected.text.parameters - head
    assert parameters(model) == expected.parameters


@pytest.mark.parametrize("name", MLLMS)
def test_a_checkpoints_own_files_give_the_same_memory(name: str, transformers: Any) -> None:
    with torch.device("meta"):
        model = BUILDERS[name](transformers)
    tensors = {key: tuple(value.shape) for key, value in model.named_parameters()}
    found = shape_of_checkpoint(model.config.to_dict(), tensors)
    assert found is not None
    table = MLLMS[name].shape
    assert (found.parameters, found.matrices) == (table.parameters, table.matrices)
    assert found.cache_bytes(1000) == table.cache_bytes(1000)
    if name.startswith("Qwen"):
        assert found.working_bytes() == pytest.approx(table.working_bytes(), rel=0.1)


def test_the_hubs_own_count() -> None:
    assert MLLMS["Qwen/Qwen3-VL-2B-Instruct"].parameters == 2_127_532_032


def test_the_operations_of_a_prefill(transformers: Any) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    text = MLLMS["Qwen/Qwen3-VL-2B-Instruct"].text
    with torch.device("meta"):
        model = BUILDERS["Qwen/Qwen3-VL-2B-Instruct"](transformers)
        tokens = torch.zeros(1, 700, dtype=torch.long)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.model.language_model(input_ids=tokens)
    head = 2 * text.table_parameters  # not part of what was counted
    # PyTorch counts attention to later tokens too, which is masked.
    assert counter.get_total_flops() == pytest.approx(text.prefill_flops(700) - head, rel=0.03)


SAM_VIT = {"facebook/sam-vit-base": (768, 12, 12, [2, 5, 8, 11]),
           "facebook/sam-vit-large": (1024, 24, 16, [5, 11, 17, 23]),
           "facebook/sam-vit-huge": (1280, 32, 16, [7, 15, 23, 31])}  # fmt: skip


@pytest.mark.parametrize("name", SAM_VIT)
def test_the_first_sam(name: str, transformers: Any) -> None:
    width, layers, heads, full = SAM_VIT[name]
    vision = {
        "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "global_attn_indexes": full, "mlp_dim": 4 * width,
    }  # fmt: skip
    with torch.device("meta"):
        model = transformers.SamModel(transformers.SamConfig(vision_config=vision))
    check(SEGMENTERS[name], model, 1024)


@pytest.mark.parametrize(
    ("name", "stages", "full"),
    [
        ("facebook/sam2.1-hiera-tiny", [1, 2, 7, 2], [5, 7, 9]),
        ("facebook/sam2.1-hiera-small", [1, 2, 11, 2], [7, 10, 13]),
    ],
)
def test_sam_2(name: str, stages: list[int], full: list[int], transformers: Any) -> None:
    config = transformers.Sam2Config()
    config.vision_config.backbone_config.blocks_per_stage = stages
    config.vision_config.backbone_config.global_attention_blocks = full
    with torch.device("meta"):
        model = transformers.Sam2Model(config)
    check(SEGMENTERS[name], model, 1024)


def test_sam_3(transformers: Any) -> None:
    with torch.device("meta"):
        model = transformers.Sam3Model(transformers.Sam3Config())
    check(SEGMENTERS["facebook/sam3"], model, 1008)


def check(expected: SegmenterArchitecture, model: Any, side_px: int) -> None:
    assert parameters(model.vision_encoder) == expected.encoder_parameters
    # Buffers that are counted as parameters in one library and not in the other: a few hundred.
    assert parameters(model) == pytest.approx(expected.parameters, abs=1000)
    assert flops(model.vision_encoder, side_px) == pytest.approx(expected.encoder_flops, rel=0.02)

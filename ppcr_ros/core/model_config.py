"""The options of the two models: the MLLM and the segmenter."""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_ros.core.device_names import EXPECTED, check_device
from ppcr_ros.core.options import option

MLLM_FAMILIES = (
    "ppcr_tiny",
    "qwen2_5_vl",
    "qwen3_vl",
    "qwen3_5",
    "gemma4",
    "idefics3",
    "paligemma",
)
SERVED = "served"
"""The family of an MLLM that an engine serves."""
SEGMENTER_FAMILIES = ("segment_anything", "sam", "sam2", "sam3")
DTYPES = ("auto", "float32", "float16", "bfloat16")
EMBEDDED = "embedded"
"""The model name of the weights that ship inside the package."""
AUTO, NONE = "auto", "none"
"""Values of the options that name what may lie beside a model's weights."""


@dataclass(frozen=True)
class MllmConfig:
    """Stages 1 and 2: the multimodal language model."""

    family: str = option(
        "ppcr_tiny",
        "chat template and parser; served for a model behind mllm.endpoint",
        choices=(*MLLM_FAMILIES, SERVED),
    )
    model: str = option(
        EMBEDDED, "'embedded', a folder, or a hub name such as Qwen/Qwen3-VL-4B-Instruct"
    )
    revision: str = option("", "hub commit to pin; empty for a folder or the embedded model")
    device: str = option(
        "auto", f"where the MLLM runs: {EXPECTED}; auto prefers cuda", check=check_device
    )
    dtype: str = option("auto", "number format of the weights", choices=DTYPES)
    quantization: str = option(
        "none", "bitsandbytes weight quantisation", choices=("none", "int8", "int4")
    )
    constrain_answers: bool = option(
        False,
        "keep the answers of families that answer in JSON to the form that is asked for; its fixed "
        "words are then not waited for one by one",
    )
    endpoint: str = option(
        "",
        "URL of an OpenAI-compatible engine (vLLM, SGLang, llama.cpp, Ollama, transformers serve), "
        "for the family served: http://workstation:8000/v1; mllm.model is then the model's name "
        "there",
    )
    served_family: str = option(
        "qwen3_vl", "the family of the model that the engine serves", choices=MLLM_FAMILIES
    )
    api_key_variable: str = option(
        "PPCR_API_KEY", "the environment variable that holds the engine's key, where it wants one"
    )
    api_key_file: str = option("", "a file that holds the engine's key; goes before the variable")
    connect_timeout_sec: float = option(
        3.0,
        "an engine that cannot be connected to in this time is down",
        minimum=0.1,
        maximum=120.0,
    )
    first_token_timeout_sec: float = option(
        20.0,
        "an engine that has not begun to answer after this time is too slow",
        minimum=0.1,
        maximum=600.0,
    )
    answer_timeout_sec: float = option(
        60.0, "an answer of an engine takes at most so long", minimum=0.1, maximum=3600.0
    )
    retries: int = option(
        1,
        "how often a request that failed before its first token is sent to the engine again",
        minimum=0,
        maximum=5,
    )
    min_image_tokens: int = option(
        0,
        "have the MLLM see an image in at least so many tokens, for families that resize it "
        "(Qwen): a VGA image has 300, and below about 1000 boxes get worse; 0 is the checkpoint's "
        "own limit",
        minimum=0,
        maximum=16384,
    )
    max_image_tokens: int = option(
        0,
        "and in at most so many, which bounds time and memory; 0 is the checkpoint's own limit",
        minimum=0,
        maximum=16384,
    )
    max_new_tokens_semantic: int = option(
        160, "token limit of stage 1's answer", minimum=1, maximum=1024
    )
    max_new_tokens_spatial: int = option(
        160, "token limit of stage 2's answer", minimum=1, maximum=1024
    )


@dataclass(frozen=True)
class SegmenterConfig:
    """Stage 3: the promptable segmenter."""

    family: str = option("segment_anything", "which library loads it", choices=SEGMENTER_FAMILIES)
    model: str = option(EMBEDDED, "'embedded', a checkpoint file or folder, or a hub name")
    variant: str = option(
        "vit_b",
        "segment-anything architecture of a .pth checkpoint",
        choices=("vit_b", "vit_l", "vit_h"),
    )
    revision: str = option("", "hub commit to pin; empty for a file, folder or the embedded model")
    device: str = option(
        "auto", f"where the segmenter runs: {EXPECTED}; auto prefers cuda", check=check_device
    )
    dtype: str = option("auto", "number format of the weights", choices=DTYPES)
    multimask: bool = option(True, "ask for several masks and rank them by both prompts")
    look: str = option(
        "auto",
        "whole encodes the image once; region the surroundings of each box, for small objects and "
        "large images; auto what the checkpoint was trained for",
        choices=("auto", "whole", "region"),
    )
    prompt_adapter: str = option(
        "auto",
        "trained tokens of the MLLM's hidden states: a folder of ppcr train adapter, none, or auto "
        "for prompt_adapter/ beside the segmenter's weights",
    )

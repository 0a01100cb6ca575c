"""Findings about the models of a configuration, before they are loaded; no torch.

Weights that are missing, damaged or not the shipped ones, memory that is short, CUDA that is not
there.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ppcr_ros.core.config import EMBEDDED, SERVED, Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.device_names import asks_for_cuda, cuda_index
from ppcr_ros.core.documents import parse_json
from ppcr_ros.core.memory import CudaFacts, available_bytes, gpu_in_sight
from ppcr_ros.core.units import size_text
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.engine_probe import look_at_engine
from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.models.served.engine_access import shown_address
from ppcr_ros.weights import location
from ppcr_ros.weights.location import ModelWeights
from ppcr_ros.weights.memory_estimate import CONTEXT_BYTES, MllmShape, shape_of_checkpoint

LOADING_TELLS = frozenset({"weights_missing", "weights_damaged", "cuda_missing"})
"""Kinds of which the loading itself raises an error."""

_BYTES_AS = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "int8": 1.1, "int4": 0.65}
"""Bytes of a weight; quantised models keep their embeddings and heads in 16 bits."""
_WORKING_SHARE = 0.2
"""Activations and the key/value cache, as a share of the weights."""


def look_at_models(config: Config, *, embedded: bool = True) -> list[Finding]:
    """Everything that is the matter with the models of ``config`` on this machine, just now.

    torch is imported only where there is a GPU to ask about, or CUDA is asked for by name.

    Args:
        config: names the models, their devices and number formats.
        embedded: whether to look at the weights that ship with the package as well.
    """
    devices = {config.mllm.device, config.segmenter.device}
    cuda: CudaFacts | None = CudaFacts("not asked")
    if any(map(asks_for_cuda, devices)) or (devices != {"cpu"} and gpu_in_sight()):
        try:
            from ppcr_ros.models.devices import cuda_facts

            cuda = cuda_facts(cuda_index(config.mllm.device))
        except (ImportError, OSError, RuntimeError):  # not installed, or its libraries are broken
            cuda = None
    located = location.locate(config)
    looked_at = [model for model in located if embedded or model.model != EMBEDDED]
    offline = config.pipeline.offline
    findings = [item for model in looked_at for item in weight_findings(model, offline=offline)]
    findings += engine_findings(config.mllm) + cuda_findings(config, cuda)
    return findings + memory_findings(config, located, cuda, available_bytes())


def weight_findings(model: ModelWeights, *, offline: bool = True) -> list[Finding]:
    """Of one model's files: there, whole, and those that were shipped.

    ``offline`` is ``pipeline.offline``; without it a hub model that is missing is fetched.
    """
    if model.family == SERVED:
        return []  # they lie with the engine
    about, name = "MLLM" if model.role == "mllm" else "segmenter", model.model
    if model.place is None:
        fetched = not offline and model.to_be_pulled
        level = Level.NOTE if fetched else Level.ERROR
        kind = kinds.WEIGHTS_MISSING
        return [kind.found(about, level=level, model=name, problem=model.problem)]
    if model.problem:
        return [kinds.WEIGHTS_DAMAGED.found(about, model=name, problem=model.problem)]
    return checksum_findings(model.place) if name == EMBEDDED else []


def engine_findings(config: MllmConfig) -> list[Finding]:
    """An engine that does not answer, or that does not serve the model that is asked for."""
    if config.family != SERVED:
        return []
    state = look_at_engine(config)
    about = shown_address(config.endpoint)
    if state.problem:
        return [kinds.ENGINE_DOWN.found(about, problem=state.problem)]
    if state.models and config.model not in state.models:
        served = ", ".join(state.models[:8])
        return [kinds.ENGINE_MODEL.found(about, model=config.model, served=served)]
    return []


def checksum_findings(place: Path) -> list[Finding]:
    """Files below ``place``, in the embedded folder, that are not those that were shipped."""
    folder = location.EMBEDDED_FOLDER
    findings = []
    for listed, wanted in location.read_checksums(folder).items():
        path = folder / listed
        if not path.is_relative_to(place):
            continue
        found = location.sha256_of(path) if path.is_file() else "none: it is missing"
        if found != wanted:
            kind = kinds.WEIGHTS_CHECKSUM
            findings.append(kind.found(str(path), found=found[:16], wanted=wanted[:16]))
    return findings


def cuda_findings(config: Config, cuda: CudaFacts | None) -> list[Finding]:
    """CUDA that a model is to run on and that is not there."""
    if cuda is not None and cuda.name:
        return []
    asked = {"mllm.device": config.mllm.device, "segmenter.device": config.segmenter.device}
    names = " and ".join(name for name, device in asked.items() if asks_for_cuda(device))
    if not names:
        return []
    detail = "torch cannot be imported" if cuda is None else f"this is {cuda.build}"
    return [kinds.CUDA_MISSING.found(names, detail=detail)]


def memory_findings(
    config: Config,
    located: tuple[ModelWeights, ModelWeights],
    cuda: CudaFacts | None,
    free_bytes: int | None,
) -> list[Finding]:
    """Memory, of the GPU or the machine, that is too short for both models together.

    Args:
        config: the devices and number formats.
        located: the weights of the MLLM and of the segmenter.
        cuda: the GPU; None where torch cannot be imported.
        free_bytes: free memory of the machine; None where it is not known.
    """
    gpu = cuda is not None and bool(cuda.name)
    needed = {"the GPU's memory": 0, "this machine's memory": 0}
    working = dict(needed)
    parts: tuple[MllmConfig | SegmenterConfig, ...] = (config.mllm, config.segmenter)
    for part, model in zip(parts, located, strict=True):
        on_gpu = gpu and part.device != "cpu"
        if on_gpu and cuda_index(part.device) != cuda_index(config.mllm.device):
            continue  # on a GPU of its own
        where = "the GPU's memory" if on_gpu else "this machine's memory"
        weights = model_bytes(part, model, on_gpu=on_gpu)
        shape = mllm_shape(model) if isinstance(part, MllmConfig) else None
        if shape is None:
            working[where] += round(weights * _WORKING_SHARE)
        else:
            half = part.dtype != "float32" if on_gpu else part.dtype in ("float16", "bfloat16")
            held = quantization_in_memory(part, model, cuda if on_gpu else None)
            weights = round(shape.weight_bytes(held, half=half))
            working[where] += round(shape.working_bytes())
        needed[where] += weights
    free = {
        "the GPU's memory": cuda.free_bytes if cuda is not None else None,
        "this machine's memory": free_bytes,
    }
    findings = []
    for about, weight_bytes in needed.items():
        total = weight_bytes + working[about] + CONTEXT_BYTES
        available = free[about]
        if weight_bytes and available is not None and total > available:
            kind = kinds.MEMORY_SHORT
            findings.append(
                kind.found(about, needed=size_text(total), available=size_text(available))
            )
    return findings


def quantization_in_memory(
    config: MllmConfig | SegmenterConfig, model: ModelWeights, cuda: CudaFacts | None
) -> str:
    """How the weights of ``model`` are held: FP8 stays so where the GPU computes in it.

    ``cuda`` is the GPU on which it runs, None for the CPU.
    """
    if cuda is not None and cuda.computes_in_fp8 and holds_fp8(model):
        return "fp8"
    return str(getattr(config, "quantization", "none"))


def mllm_shape(model: ModelWeights) -> MllmShape | None:
    """The shape of the MLLM whose files are ``model``; None where they do not tell it."""
    folder = model.place
    if folder is None or not (folder / "config.json").is_file():
        return None
    try:
        config = parse_json((folder / "config.json").read_text(encoding="utf-8"))
        tensors = {
            name: shape for path in model.files for name, shape in tensor_shapes(path).items()
        }
    except (OSError, ValueError):
        return None
    return shape_of_checkpoint(config, tensors) if tensors and isinstance(config, dict) else None


def tensor_shapes(path: Path) -> dict[str, list[int]]:
    """The shape of each weight in a safetensors file, by name; none of another file.

    The scales of weights in FP8 are left out: they are gone where those are widened.

    Raises:
        OSError, ValueError: where it cannot be read.
    """
    header = _header(path)
    fp8 = any(_is_fp8(item) for item in header.values())
    scales = ("weight_scale_inv", "weight_scale") if fp8 else ()
    return {name: item["shape"] for name, item in header.items() if not name.endswith(scales)}


def holds_fp8(model: ModelWeights) -> bool:
    """Whether some of a model's weights are in FP8; False where its files cannot be read."""
    try:
        return any(_is_fp8(item) for path in model.files for item in _header(path).values())
    except (OSError, ValueError):
        return False


def _is_fp8(item: Mapping[str, Any]) -> bool:
    return str(item.get("dtype")).startswith("F8_")


def _header(path: Path) -> dict[str, Any]:
    """What a safetensors file says of each of its weights; nothing of another file."""
    if path.suffix != ".safetensors" or location.whole_problem(path):
        return {}
    with path.open("rb") as file:
        header = parse_json(file.read(struct.unpack("<Q", file.read(8))[0]).decode())
    return {name: item for name, item in header.items() if name != "__metadata__"}


def model_bytes(config: MllmConfig | SegmenterConfig, model: ModelWeights, *, on_gpu: bool) -> int:
    """The weights of ``model`` in memory, in the number format that ``config`` asks for."""
    quantization = getattr(config, "quantization", "none")
    automatic = "bfloat16" if on_gpu else "float32"
    target = config.dtype if config.dtype != "auto" else automatic
    if quantization != "none":
        target = quantization
    return round(sum(values_in(path) for path in model.files) * _BYTES_AS[target])


def values_in(path: Path) -> int:
    """How many numbers a weight file holds; of a format other than safetensors as if float32.

    0 for a file that cannot be read: `weight_findings` tells of it.
    """
    if location.whole_problem(path):
        return 0
    try:
        if path.suffix != ".safetensors":
            return path.stat().st_size // 4
        with path.open("rb") as file:
            header = parse_json(file.read(struct.unpack("<Q", file.read(8))[0]).decode())
        shapes = (item["shape"] for name, item in header.items() if name != "__metadata__")
        return sum(math.prod(shape) for shape in shapes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0

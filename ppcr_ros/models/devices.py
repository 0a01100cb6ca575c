"""Devices of models, and the GPU's memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import torch
from torch import nn

from ppcr_ros.core.memory import CudaFacts


def cuda_facts(index: int = 0) -> CudaFacts:
    """The CUDA device ``index`` as torch sees it; asking takes some of its memory."""
    build = f"torch {torch.__version__}"
    if not torch.cuda.is_available() or (index and index >= torch.cuda.device_count()):
        return CudaFacts(build if torch.version.cuda else f"{build}, a CPU build")
    free, total = torch.cuda.mem_get_info(index)
    fp8 = torch.cuda.get_device_capability(index) >= (8, 9)
    return CudaFacts(build, torch.cuda.get_device_name(index), free, total, fp8)


def placement(modules: Iterable[object]) -> str:
    """Where ``modules`` lie and in which number format most of their weights are.

    Such as ``cuda:0 bfloat16``; what is no module is passed over.
    """
    sizes: Counter[tuple[str, str]] = Counter()
    for module in modules:
        for parameter in module.parameters() if isinstance(module, nn.Module) else ():
            name = str(parameter.dtype).removeprefix("torch.")
            sizes[str(parameter.device), name] += parameter.numel()
    return " ".join(sizes.most_common(1)[0][0]) if sizes else ""

"""The door to the engine that runs the embedded models' networks on a CPU.

The engine is OpenVINO, where it is installed. A network is handed over as a PyTorch module with its
weights. What OpenVINO makes of it is kept in the user's cache under the checksum of the weights and
the versions of all that had a part in it, and compared with the module whenever it is loaded. Where
OpenVINO is missing, cannot take the network or computes something else, there is none, and whoever
asked runs the module itself.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ppcr_ros.core.types import Array

T = TypeVar("T")
_log = logging.getLogger(__name__)

ENGINE_VARIABLE = "PPCR_CPU_ENGINE"
"""The environment's variable that turns the engine off: ``torch``."""
_FLAGS = ("avx512_bf16", "amx_bf16")
"""What the processor is to have for products in bfloat16, as Linux names it."""
_CAPS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_TOLERANCE = {"f32": 1e-4, "bf16": 0.03}
"""How far what the engine computes may be from PyTorch's float32: the norm of the difference over
that of the outputs."""
_MAX_BYTES = 64 * 2**20
"""Of the weights of what is handed to the engine: the embedded models' size."""
EXPORTS_KEPT = 8
"""How many exports of a network are kept."""
_PACKAGES = ("openvino", "torch", "transformers", "segment-anything")
_FORMAT = 1
"""Raised where the networks' code changes and not their weights."""


def multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for products in bfloat16, and may use them."""
    cap = next((os.environ[name] for name in _CAPS if os.environ.get(name)), "DEFAULT").upper()
    if cap not in ("DEFAULT", "ALL", "AVX512_CORE_BF16") and "AMX" not in cap:
        return False
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(flag in text for flag in _FLAGS)


class CompiledNetwork:
    """A network that OpenVINO runs; for several threads, one after the other.

    Attributes:
        precision: ``f32`` or ``bf16``: what its large products are computed in.
    """

    def __init__(self, request: Any, precision: str) -> None:
        self._request, self.precision = request, precision
        self._lock = threading.Lock()

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """The outputs for ``inputs``, all of them float32 on the CPU."""
        return self.run(inputs, lambda outputs: [torch.from_numpy(o.copy()) for o in outputs])

    def run(self, inputs: Sequence[Tensor], read: Callable[[list[Array]], T]) -> T:
        """What ``read`` makes of the outputs, which the next run overwrites."""
        arrays = {place: tensor.contiguous().numpy() for place, tensor in enumerate(inputs)}
        with self._lock:
            self._request.infer(arrays, share_inputs=True, share_outputs=True)
            return read([output.data for output in self._request.output_tensors])


@torch.no_grad()
def compiled(
    name: str,
    network: nn.Module,
    examples: tuple[Tensor, ...],
    shapes: Sequence[Sequence[int]],
    *,
    exact: bool = False,
) -> CompiledNetwork | None:
    """``network`` as OpenVINO runs it; None where it has to be run by PyTorch.

    Args:
        name: of the file in the cache.
        network: in evaluation mode, float32 on the CPU.
        examples: inputs, for the export and for the comparison.
        shapes: of the inputs, -1 where a length varies.
        exact: float32 also where the CPU is faster in bfloat16.
    """
    weights = [*network.parameters(), *network.buffers()]
    if not available() or sum(w.nbytes for w in weights) > _MAX_BYTES:
        return None
    if any(weight.device.type != "cpu" or weight.dtype == torch.bfloat16 for weight in weights):
        return None
    precision = "f32" if exact or not multiplies_bfloat16() else "bf16"
    try:
        graph = _graph(f"{name}-{_key(network, shapes)}", network, examples, shapes)
        request = _compile(graph, precision)
        made = CompiledNetwork(request, precision)
        apart = _apart(made(*examples), network(*examples))
    except Exception as error:  # noqa: BLE001 - an engine that fails must not cost the models
        _log.warning("OpenVINO cannot run the %s (%s); PyTorch does, more slowly", name, error)
        return None
    if not apart <= _TOLERANCE[precision]:
        _log.warning(
            "OpenVINO's %s in %s is %.4f from PyTorch's, more than %.4f; PyTorch runs it",
            name, precision, apart, _TOLERANCE[precision],
        )  # fmt: skip
        return None
    return made


def available() -> bool:
    """Whether OpenVINO is installed and not turned off."""
    if os.environ.get(ENGINE_VARIABLE, "").lower() == "torch":
        return False
    return importlib.util.find_spec("openvino") is not None


@cache
def _core() -> Any:
    """OpenVINO's core, kept for as long as the process lives.

    Its CPU plugin gives the thread that loads it a stack for signals, and frees it with itself, on
    whichever thread that is: the next signal would then end the process (OpenVINO 2026.4.1).
    """
    return importlib.import_module("openvino").Core()


def cache_folder() -> Path:
    """Where exported networks are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ppcr_ros" / "openvino"


def _key(network: nn.Module, shapes: Sequence[Sequence[int]]) -> str:
    """A checksum of the weights, their names, the inputs' shapes and the versions."""
    sums = hashlib.sha256(repr((_FORMAT, str(network), list(map(list, shapes)))).encode())
    for package in _PACKAGES:
        try:
            sums.update(f"{package} {version(package)}".encode())
        except PackageNotFoundError:
            continue
    for key, value in [*network.named_parameters(), *network.named_buffers()]:
        sums.update(f"{key} {tuple(value.shape)}".encode())
        sums.update(value.detach().contiguous().view(-1).numpy().tobytes())
    return sums.hexdigest()[:32]


def _graph(
    name: str, network: nn.Module, examples: tuple[Tensor, ...], shapes: Sequence[Sequence[int]]
) -> Any:
    """OpenVINO's graph of ``network``, from the cache where it is there."""
    ov = importlib.import_module("openvino")
    file = cache_folder() / f"{name}.xml"
    if file.is_file():
        try:
            return _core().read_model(file)
        except RuntimeError as error:
            _log.warning("%s cannot be read (%s); it is made again", file, error)
    partial = [ov.PartialShape(list(shape)) for shape in shapes]
    level = logging.root.level
    try:
        with warnings.catch_warnings():  # of what a trace takes for constant: it is compared later
            warnings.simplefilter("ignore")
            graph = ov.convert_model(network, example_input=examples, input=partial)
    finally:
        logging.root.setLevel(level)  # a conversion that fails leaves it at ERROR
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            made = Path(folder) / file.name
            ov.save_model(graph, made, compress_to_fp16=False)
            for suffix in (".bin", ".xml"):  # what names the other one comes last
                made.with_suffix(suffix).replace(file.with_suffix(suffix))
        _forget_old(file)
    except OSError as error:
        _log.warning("%s cannot be kept (%s); the next start makes it again", file, error)
    return graph


def _forget_old(newest: Path) -> None:
    """Keep a few exports of a network: a training makes one for each checkpoint that it tries."""
    kind = newest.name.rpartition("-")[0]
    files = sorted(newest.parent.glob(f"{kind}-*.xml"), key=lambda file: file.stat().st_mtime)
    for file in files[:-EXPORTS_KEPT]:
        if file != newest:
            file.unlink(missing_ok=True)
            file.with_suffix(".bin").unlink(missing_ok=True)


def _compile(graph: Any, precision: str) -> Any:
    options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    options |= {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(torch.get_num_threads())}
    return _core().compile_model(graph, "CPU", options).create_infer_request()


def _apart(outputs: Sequence[Tensor], wanted: Any) -> float:
    """The largest distance of an output from the one that is wanted, as a share of its norm."""
    wanted = [wanted] if isinstance(wanted, Tensor) else list(wanted)
    pairs = zip(outputs, wanted, strict=True)
    return max(float((one - other).norm() / other.norm().clamp(min=1e-12)) for one, other in pairs)

"""Finds a model's files, checks that they are whole, and chooses what they run on.

Every failure on the way to a loaded model is a `ModelLoadError` that says what to do. Weights come
from safetensors only, and no code of a checkpoint is ever run.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from ppcr_ros.core.config import EMBEDDED
from ppcr_ros.core.device_names import asks_for_cuda, cuda_index
from ppcr_ros.core.documents import DocumentError, check_regular, read_json
from ppcr_ros.core.errors import ModelLoadError, PPCRError
from ppcr_ros.core.paths import usable_path
from ppcr_ros.models.memory import memory_errors
from ppcr_ros.weights.download import pull
from ppcr_ros.weights.errors import words_for
from ppcr_ros.weights.files import HUB_FILES, HUB_FILES_IGNORED, is_hub_name
from ppcr_ros.weights.location import EMBEDDED_FOLDER
from ppcr_ros.weights.lock import missing_files

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")


def resolve_folder(model: str, revision: str, *, offline: bool, embedded: str) -> Path:
    """The local folder with the files of ``model``, fetched from the hub if need be and allowed.

    Args:
        model: ``embedded``, a folder, or a hub name such as ``Qwen/Qwen3-VL-4B-Instruct``.
        revision: the hub commit; empty for the newest.
        offline: whether only the local cache may be used.
        embedded: the name of the embedded model's folder: ``mllm`` or ``segmenter``.

    Raises:
        ModelLoadError: when there is no such folder, or the hub's files cannot be had.
    """
    if model == EMBEDDED:
        folder = EMBEDDED_FOLDER / embedded
        if not folder.is_dir():
            raise ModelLoadError(
                f"the embedded model is missing: there is no folder {folder}. Install the package "
                "with its data files, or name a folder or a hub model in the configuration."
            )
        return folder
    folder = usable_path(model, f"{embedded}.model")
    if model and folder.is_dir():
        return folder
    if folder.exists() or not is_hub_name(model):
        raise ModelLoadError(
            f"there is no folder {model!r}; expected 'embedded', an existing folder, or a hub name "
            "such as Qwen/Qwen3-VL-4B-Instruct. Check the path in the configuration."
        )
    return _hub_folder(model, revision, offline=offline)


def _hub_folder(model: str, revision: str, *, offline: bool) -> Path:
    pinned = f" at revision {revision}" if revision else ""
    refused = ""
    if not offline:
        try:
            return pull(model, revision, allow_unpinned=True).place
        except PPCRError as error:  # what was fetched once is there without a network, too
            refused = str(error)
    try:
        path = Path(
            snapshot_download(
                model,
                revision=revision or None,
                local_files_only=True,
                allow_patterns=list(HUB_FILES),
                ignore_patterns=list(HUB_FILES_IGNORED),
            )
        )
        missing = missing_files(path)
    except HFValidationError as error:
        raise ModelLoadError(f"{model!r} is neither a folder nor a hub name: {error}") from error
    except LocalEntryNotFoundError as error:
        raise _not_cached(f"{model}{pinned}", refused) from error
    except Exception as error:  # the hub's client raises many kinds
        raise ModelLoadError(words_for(error, model, revision)) from error
    if missing:
        raise _not_cached(f"{missing[0]} of {model}{pinned}", refused)
    return path


def _not_cached(what: str, refused: str) -> ModelLoadError:
    return ModelLoadError(
        refused
        or f"{what} is not in the local cache, or not all of it, and pipeline.offline is true. "
        "Fetch it once with a network (ppcr models pull --config FILE), or set pipeline.offline to "
        "false."
    )


def read_config(folder: Path) -> Mapping[str, Any]:
    """``config.json`` of a checkpoint folder.

    Raises:
        ModelLoadError: when it is missing or no JSON object.
    """
    path = folder / "config.json"
    try:
        config = read_json(path)
    except FileNotFoundError as error:
        raise ModelLoadError(
            f"{folder} has no config.json; expected a checkpoint in the format of transformers' "
            "save_pretrained."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelLoadError(
            f"{path} cannot be read: {error}. Copy or fetch the model again."
        ) from error
    if not isinstance(config, dict):
        raise ModelLoadError(f"{path} holds {type(config).__name__}; expected a JSON object.")
    return config


def check_weights(folder: Path) -> None:
    """See that the safetensors weights of a checkpoint folder are all there and not cut short.

    Raises:
        ModelLoadError: for a missing or damaged file, or weights in a format that can hold code.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        names = [single.name]
    elif index.exists():
        try:
            names = sorted(set(read_json(index)["weight_map"].values()))
            if any(Path(name).name != name for name in names):
                raise DocumentError("it names files outside of the folder")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelLoadError(
                f"{index} cannot be read: {error!r}. Copy or fetch the model again."
            ) from error
    else:
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        found = f"only {pickled[0]}, which can run code when loaded" if pickled else "no weights"
        raise ModelLoadError(
            f"{folder} holds {found}; expected model.safetensors. Convert the checkpoint with "
            "save_pretrained, or fetch its safetensors revision."
        )
    for name in names:
        _check_safetensors(folder / name)


def check_tokenizer(folder: Path) -> None:
    """See that a checkpoint folder has a tokenizer; transformers would make up an empty one.

    Raises:
        ModelLoadError: when there is none.
    """
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ModelLoadError(
            f"{folder} has no tokenizer; expected tokenizer.json. Copy or fetch the model again."
        )


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file by name, on the CPU.

    Raises:
        ModelLoadError: when it is missing, truncated or no safetensors file.
    """
    _check_safetensors(path)
    with load_errors(f"the weights {path}"):
        return load_file(path)


def load_strictly(
    module: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    path: Path,
    *,
    expected: str,
    assign: bool = False,
) -> None:
    """Put ``tensors``, which come from ``path``, into ``module`` as float32; all must fit.

    With ``assign`` they become its parameters themselves, which a module on torch's meta device
    needs; they are copied all the same, for a tensor of a file may be a view of the file.

    Raises:
        ModelLoadError: when a name or shape does not fit, naming the first and ``expected``.
    """
    own = module.state_dict()
    missing, surplus = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    other = [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    if missing or surplus or other:
        if other:
            shapes = tuple(tensors[other[0]].shape), tuple(own[other[0]].shape)
            first = f"{other[0]} has the shape {shapes[0]}, expected {shapes[1]}"
        else:
            first = f"it lacks {missing[0]}" if missing else f"it also holds {surplus[0]}"
        raise ModelLoadError(
            f"the weights {path} are of another architecture than {expected}: {first} "
            f"({len(missing)} tensors missing, {len(surplus)} not known, {len(other)} of another "
            "shape). Choose the architecture that belongs to the file."
        )
    floats = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
    module.load_state_dict(floats, strict=True, assign=assign)


def let_go_of_files(model: torch.nn.Module) -> None:
    """Copy what of a model's weights on the CPU may still lie in a file that is mapped into memory.

    Where a mapped file is replaced the model changes under the robot; where it is cut short the
    process ends with a bus error.
    """
    found: dict[int, tuple[torch.Tensor, list[tuple[Any, str]]]] = {}  # tied ones: several places
    for module in model.modules():
        for own in (module._parameters, module._buffers):
            for name, tensor in own.items():
                if tensor is not None and tensor.device.type == "cpu":
                    found.setdefault(id(tensor), (tensor, []))[1].append((own, name))
    while found:  # so that each is let go of before the next is copied
        tensor, places = found.popitem()[1]
        copy = _copy_of(tensor)
        for own, name in places:
            own[name] = copy


def _copy_of(tensor: torch.Tensor) -> torch.Tensor:
    # A new tensor, not new data: a view would go on holding what it was a view of.
    if not isinstance(tensor, torch.nn.Parameter):
        return tensor.clone()
    if type(tensor) is not torch.nn.Parameter:  # a quantised one, which was worked out anew
        return tensor
    return torch.nn.Parameter(tensor.detach().clone(), requires_grad=tensor.requires_grad)


def _check_safetensors(path: Path) -> None:
    if not path.exists():
        raise ModelLoadError(
            f"{path} is missing, though another file of its folder names it. Copy or fetch the "
            "model again."
        )
    try:
        check_regular(path)
        with safe_open(path, framework="pt"):
            pass
    except DocumentError as error:
        raise ModelLoadError(f"{error} Copy or fetch the model again.") from error
    except (SafetensorError, OSError) as error:
        size = path.stat().st_size
        with path.open("rb") as file:
            pointer = file.read(40).startswith(b"version https://git-lfs")
        advice = "It is a Git LFS pointer: run git lfs pull." if pointer else "Fetch it again."
        raise ModelLoadError(
            f"{path} ({size} bytes) is truncated or no safetensors file: {error}. {advice}"
        ) from error


def pick_device(name: str) -> torch.device:
    """The device of a configuration value: ``auto`` is the first CUDA device, else the CPU.

    Raises:
        ModelLoadError: when CUDA is asked for and not there.
    """
    available = torch.cuda.is_available()
    if asks_for_cuda(name) and not available:
        build = "" if torch.version.cuda else " This torch is a CPU build: install the CUDA build."
        raise ModelLoadError(
            f"device is {name}, but torch {torch.__version__} sees no CUDA device.{build} Set "
            "device to auto or cpu, or check nvidia-smi."
        )
    if not available or name == "cpu":
        return torch.device("cpu")
    index = cuda_index(name)
    if index and index >= (count := torch.cuda.device_count()):
        raise ModelLoadError(
            f"device is {name}, but torch sees {count} CUDA device(s); expected cuda:0 to "
            f"cuda:{count - 1}. nvidia-smi lists them; CUDA_VISIBLE_DEVICES may hide some."
        )
    # With an index, so that it compares equal to the device of a tensor that lies there.
    return torch.device("cuda", index)


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number format of a configuration value.

    ``auto`` is float32 on a CPU, where `ppcr_ros.models.cpu.engine` may multiply in bfloat16; on
    CUDA bfloat16, or float16 where the GPU lacks bfloat16.
    """
    if name == "auto":
        if device.type == "cpu":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def quantization_config(kind: str, dtype: torch.dtype, skip: tuple[str, ...]) -> Any | None:
    """What ``from_pretrained`` takes as ``quantization_config``; None for ``none``.

    Args:
        kind: ``none``, ``int8`` or ``int4``.
        dtype: the number format of the computation.
        skip: full names of modules that keep their precision.

    Raises:
        ModelLoadError: when bitsandbytes or accelerate is missing.
    """
    if kind == "none":
        return None
    for package in ("bitsandbytes", "accelerate"):
        if importlib.util.find_spec(package) is None:
            raise ModelLoadError(
                f"mllm.quantization is {kind}, which needs {package}, and that is not installed. "
                "Run pip install bitsandbytes accelerate, or set mllm.quantization to none."
            )
    from transformers import BitsAndBytesConfig

    # Transformers keeps the named modules unquantised for 4 bit as well, despite the int8 name.
    kept = list(skip) or None
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=kept)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=kept,
    )


def check_loading_info(name: str, info: Mapping[str, Any]) -> None:
    """See that every weight of the architecture came from the checkpoint.

    transformers fills in what a checkpoint lacks with random numbers and only logs it.

    Raises:
        ModelLoadError: when weights are missing or of another shape.
    """
    for kind in ("missing_keys", "mismatched_keys", "error_msgs"):
        problems = sorted(str(item) for item in info.get(kind) or ())
        if problems:
            raise ModelLoadError(
                f"the weights of {name} do not fit its architecture: {len(problems)} "
                f"{kind.replace('_', ' ')}, for example {problems[0]:.200}. The checkpoint is "
                "incomplete, or its config.json belongs to another one."
            )


@contextmanager
def load_errors(what: str) -> Iterator[None]:
    """Turn whatever a library raises while ``what`` is loaded into a `ModelLoadError`.

    Raises:
        ModelLoadError: for all but the next.
        OutOfMemoryError: where ``what`` does not fit into memory.
    """
    try:
        with memory_errors(what):
            yield
    except PPCRError:
        raise
    except Exception as error:  # transformers raises many kinds for a bad checkpoint
        reason = " ".join(str(error).split())
        raise ModelLoadError(
            f"{what} cannot be loaded: {type(error).__name__}: {reason:.400}"
        ) from error

"""Locates the weights of a configuration, and sees whether they are whole, without loading them.

Imports no torch, so that ``ppcr models`` and ``ppcr doctor`` work on a machine that lacks it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from ppcr_ros.core.config import AUTO, EMBEDDED, NONE, SERVED, Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.documents import check_regular, parse_json, read_json
from ppcr_ros.core.paths import usable_path
from ppcr_ros.core.scoring import CALIBRATION_FILE
from ppcr_ros.weights.files import SHARD_INDEX, is_commit, is_hub_name

EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
CHECKSUMS_FILE = "SHA256SUMS.txt"
"""In the embedded folder, as ``sha256sum`` writes it: what the shipped files should be."""

ADAPTER_FOLDER = "prompt_adapter"
"""Where ``segmenter.prompt_adapter: auto`` looks, beside the segmenter's own weights."""

_TO_BE_PULLED = "not in the local cache: ppcr models pull"
_WEIGHT_PATTERNS = ("*.safetensors", "*.pth", "*.pt", "*.bin")
_SAFETENSORS_HEADER_LIMIT = 100_000_000


@dataclass(frozen=True)
class ModelWeights:
    """The weights of one model of a configuration.

    Attributes:
        role: ``mllm`` or ``segmenter``.
        family: as in the configuration.
        model: as in the configuration.
        revision: as in the configuration; empty for the newest.
        place: the folder or file; None where there is none on this machine.
        files: the weight files, sorted by name; empty where there are none.
        problem: empty, or what is wrong and what to do.
        to_be_pulled: whether it is a hub's model that this machine does not hold yet.
    """

    role: str
    family: str
    model: str
    revision: str
    place: Path | None
    files: tuple[Path, ...]
    problem: str
    to_be_pulled: bool = False

    @property
    def elsewhere(self) -> bool:
        """Whether another process holds them, here or on another machine."""
        return self.family == SERVED

    @property
    def size_bytes(self) -> int:
        """All weight files together."""
        return sum(path.stat().st_size for path in self.files)

    def sha256(self) -> dict[str, str]:
        """The checksum of each weight file, by file name; reads all of them."""
        return {path.name: sha256_of(path) for path in self.files}


def locate(config: Config, cache: Path | None = None) -> tuple[ModelWeights, ModelWeights]:
    """The weights of the MLLM and of the segmenter of ``config``; never uses the network.

    ``cache`` is the hub cache to look in; by default the one of HF_HUB_CACHE or HF_HOME.
    """
    return _locate("mllm", config.mllm, cache), _locate("segmenter", config.segmenter, cache)


def beside(config: Config) -> tuple[Path, ...]:
    """The files of the prompt adapter and of the score calibration that ``config`` means.

    Found as the factory finds them; an adapter that lies beside the segmenter counts even where it
    was made for another MLLM and is not used.
    """
    choice, calibration = config.segmenter.prompt_adapter, config.pipeline.score_calibration
    folder = None if choice in (AUTO, NONE) else usable_path(choice, "segmenter.prompt_adapter")
    place = locate(config)[1].place
    if choice == AUTO and place is not None:
        folder = (place.parent if place.is_file() else place) / ADAPTER_FOLDER
    files = () if folder is None else (path for path in sorted(folder.glob("*")) if path.is_file())
    if calibration == AUTO and config.mllm.model == config.segmenter.model == EMBEDDED:
        own = EMBEDDED_FOLDER / CALIBRATION_FILE
        return (*files, own) if own.is_file() else tuple(files)
    if calibration in (AUTO, NONE):
        return tuple(files)
    named = usable_path(calibration, "pipeline.score_calibration")
    return (*files, named) if named.is_file() else tuple(files)


def _locate(
    role: str, config: MllmConfig | SegmenterConfig, cache: Path | None = None
) -> ModelWeights:
    if config.family == SERVED:
        return ModelWeights(role, config.family, config.model, config.revision, None, (), "")
    place, problem = _place(role, config.model, config.revision, cache)
    files: tuple[Path, ...] = ()
    if place is not None:
        files = _weight_files(place)
        problem = _problem_of(place, files)
    return ModelWeights(
        role,
        config.family,
        config.model,
        config.revision,
        place,
        files,
        problem,
        to_be_pulled=place is None and problem is _TO_BE_PULLED,
    )


def _place(role: str, model: str, revision: str, cache: Path | None) -> tuple[Path | None, str]:
    """The folder or file of ``model``, or None and why."""
    if model == EMBEDDED:
        folder = EMBEDDED_FOLDER / role
        missing = f"not shipped with this installation: no folder {folder}"
        return (folder, "") if folder.is_dir() else (None, missing)
    path = usable_path(model, f"{role}.model")
    if path.exists():
        return path, ""
    if not is_hub_name(model):
        return None, f"no such file or folder: {model}"
    if cache is None:
        try:
            from huggingface_hub import constants
        except ImportError:
            return None, "huggingface_hub is not installed: pip install huggingface_hub"
        cache = Path(constants.HF_HUB_CACHE)
    snapshot = _snapshot(cache / f"models--{model.replace('/', '--')}", revision)
    if snapshot is None:
        return None, _TO_BE_PULLED
    return snapshot, ""


def _snapshot(repository: Path, revision: str) -> Path | None:
    """The folder of a revision in a repository's cache folder, also where it is not whole."""
    commit = revision
    if not is_commit(revision):
        try:
            commit = (repository / "refs" / (revision or "main")).read_text(encoding="utf-8")
        except OSError:
            return None
    folder = repository / "snapshots" / commit.strip()
    return folder if folder.is_dir() else None


def _weight_files(place: Path) -> tuple[Path, ...]:
    if place.is_file():
        return (place,)
    for pattern in _WEIGHT_PATTERNS:
        if files := tuple(path for path in sorted(place.glob(pattern)) if path.is_file()):
            return files
    return ()


def _problem_of(place: Path, files: tuple[Path, ...]) -> str:
    if not files:
        return f"no weights in {place}; expected model.safetensors"
    index = place / SHARD_INDEX
    if index.is_file():
        try:
            named = set(read_json(index)["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return f"{index} cannot be read; copy or fetch the model again"
        if missing := sorted(named - {path.name for path in files}):
            return f"{missing[0]} is missing, though {index.name} names it; fetch it again"
    problems = (whole_problem(path) for path in files)
    return next((problem for problem in problems if problem), "")


def whole_problem(path: Path) -> str:
    """Empty where a weight file looks whole; else what is wrong with it.

    A safetensors file says in its header how long it must be; of other formats only a file of no
    length or a Git LFS pointer is noticed.
    """
    try:
        check_regular(path)
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            if head == b"version ":
                return f"{path} is a Git LFS pointer: run git lfs pull"
            if not size:
                return f"{path} is empty; fetch it again"
            if path.suffix != ".safetensors":
                return ""
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            if not 2 <= length <= min(size - 8, _SAFETENSORS_HEADER_LIMIT):
                return f"{path} ({size} bytes) is no safetensors file, or truncated; fetch it again"
            header = parse_json(file.read(length).decode())
        ends = [item["data_offsets"][1] for name, item in header.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return f"{path} cannot be read: {error}; fetch it again"
    if size != expected:
        return f"{path} has {size} bytes; expected {expected}: it is truncated, fetch it again"
    return ""


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_checksums(folder: Path = EMBEDDED_FOLDER) -> dict[str, str]:
    """The expected SHA-256 by path relative to ``folder``; empty where no list was shipped.

    Raises:
        OSError: when the list is there and cannot be read.
    """
    path = folder / CHECKSUMS_FILE
    if not path.is_file():
        return {}
    pairs = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines())
    return {pair[1].strip().lstrip("*"): pair[0].lower() for pair in pairs if len(pair) == 2}

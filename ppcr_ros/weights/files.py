"""Rules for a hub repository: the files that are needed, pinned revisions, and licences.

Imports neither torch nor the hub's client.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

HUB_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")
"""What is fetched of a hub repository: never pickled weights, never code."""

HUB_FILES_IGNORED = ("onnx/*", "openvino/*", "coreml/*", "original/*", "*.bin.index.json")
"""Of those, what belongs to formats that are not loaded here."""

SHARD_INDEX = "model.safetensors.index.json"
"""Of weights that lie in several files: which of them holds what."""

_COMMIT = re.compile(r"[0-9a-f]{40}")

LICENCES = {
    "Qwen/Qwen3-VL-": "Apache-2.0",
    "Qwen/Qwen2.5-VL-3B-": "Qwen Research License: not for commercial use",
    "Qwen/Qwen2.5-VL-7B-": "Apache-2.0",
    "HuggingFaceTB/SmolVLM-": "Apache-2.0",
    "google/paligemma": "Gemma Terms of Use; gated: accept them on the hub first",
    "facebook/sam-vit-": "Apache-2.0",
    "facebook/sam2": "Apache-2.0",
    "facebook/sam3": "SAM License; gated: accept it on the hub first",
}
"""By the beginning of a hub name: a note for the reader. The model's own page is what counts."""


def is_commit(revision: str) -> bool:
    """Whether ``revision`` is a whole commit, which never changes, and not a branch or a tag."""
    return _COMMIT.fullmatch(revision) is not None


def is_hub_name(model: str) -> bool:
    """Whether ``model`` reads as ``owner/name`` on the hub, and not as a path."""
    owner, slash, name = model.partition("/")
    return bool(slash and owner and name) and "/" not in name and not model.startswith((".", "~"))


def is_needed(path: str) -> bool:
    """Whether a repository's file ``path`` is one that loading can need."""
    wanted = any(fnmatch(path, pattern) for pattern in HUB_FILES)
    return wanted and not any(fnmatch(path, pattern) for pattern in HUB_FILES_IGNORED)


def licence_of(model: str) -> str:
    """A note on the licence of ``model``; empty where none is known."""
    name = Path(model).name
    if name in PUBLISHED_CHECKPOINTS:
        return "Apache-2.0"
    return next((note for start, note in LICENCES.items() if model.startswith(start)), "")


SEGMENT_ANYTHING_URL = "https://dl.fbaipublicfiles.com/segment_anything"
"""Where segment-anything's page keeps its checkpoints."""

PUBLISHED_CHECKPOINTS = {
    "sam_vit_b_01ec64.pth": (
        375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    "sam_vit_l_0b3195.pth": (
        1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    "sam_vit_h_4b8939.pth": (
        2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
}
"""Size in bytes and SHA-256 of segment-anything's checkpoints, as many projects pin them."""

"""Making torchvision importable where its compiled operators do not fit the installed torch.

torchvision registers shape functions for its operators while it is imported, and that import fails
("operator torchvision::nms does not exist") where its compiled library cannot be loaded, as with a
CPU-only torch for which no torchvision was built. Its transforms, which is all that is needed here,
are pure Python. Declaring the two schemas that the import looks up is enough to use them.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import torch

_SCHEMAS = ("nms", "qnms")
_lock = threading.Lock()
# A library's schemas live as long as the object does.
_library: torch.library.Library | None = None


def make_torchvision_importable() -> None:
    """Declare torchvision's ``nms`` and ``qnms`` where its own library cannot be loaded.

    To be called before torchvision is imported. Does nothing where torchvision is missing or fits
    the installed torch, and nothing the second time. The operators stay without implementation.
    """
    global _library
    with _lock:
        if _library is not None or _load_own_operators():
            return
        _library = torch.library.Library("torchvision", "DEF")
        for name in _SCHEMAS:
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def has_torchvision_operators() -> bool:
    """Whether torchvision's compiled operators (``roi_align`` and others) can be used."""
    make_torchvision_importable()
    return hasattr(torch.ops.torchvision, "roi_align")


def _load_own_operators() -> bool:
    """Whether nothing is missing: torchvision is absent, or its compiled operators are loaded."""
    if hasattr(torch.ops.torchvision, "nms"):
        return True
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True
    for library in sorted(Path(spec.origin).parent.glob("_C*")):
        try:
            torch.ops.load_library(str(library))
        except (ImportError, OSError):
            continue
    return hasattr(torch.ops.torchvision, "nms")

"""Reads the files that list referring expressions: ``refs(unc).p``, ``grefs(unc).json``.

RefCOCO, RefCOCO+ and RefCOCOg (Yu et al., ECCV 2016; Mao et al., CVPR 2016) come as pickles,
gRefCOCO (Liu et al., CVPR 2023) as JSON. A pickle can run code when it is read; here it may hold
lists, dicts, texts and numbers, and whatever else is in it is refused.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.core.types import Array, Frame, Status

DATA_SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "refcoco": ("refs", ("unc", "google")),
    "refcoco+": ("refs", ("unc",)),
    "refcocog": ("refs", ("umd", "google")),
    "grefcoco": ("grefs", ("unc",)),
}
"""For each data set the file's name and whose splits of it there are, the usual first."""

_SUFFIXES = (".json", ".p")


@dataclass(frozen=True)
class LabelledSample:
    """A `ReferringSample` with nothing beside what is asked of one."""

    sample_id: str
    frame: Frame
    command: str
    kind: str
    expected_status: Status
    mask: Array | None
    box_xyxy_px: Array | None


class DataSetError(PPCRError):
    """A data set that is unknown, or that this machine cannot read or make."""


class _PlainUnpickler(pickle.Unpickler):
    """Reads containers, texts and numbers, which need no class to be found."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


def find_references(root: Path, data_set: str, split_by: str | None) -> Path:
    """The file of expressions of ``data_set`` in ``root``.

    Raises:
        DataSetError: when there is none, with what is there.
    """
    stem, usual = DATA_SETS[data_set]
    found = {
        path.name[len(stem) + 1 : -len(suffix) - 1]: path
        for suffix in _SUFFIXES
        for path in sorted(root.glob(f"{stem}(*){suffix}"))
    }
    wanted = [split_by] if split_by else [*usual, *sorted(found)]
    for name in wanted:
        if name in found:
            return found[name]
    raise DataSetError(
        f"{root} holds no {stem}({split_by or usual[0]}).json or .p; "
        + (f"it has those of {', '.join(sorted(found))}. " if found else "")
        + f"Expected the files of {data_set} there, beside instances.json."
    )


def read_references(path: Path) -> list[dict[str, Any]]:
    """The expressions of ``path``, one dict for each object that is referred to.

    Raises:
        DataSetError: when it cannot be read, is not a list of dicts, or is a pickle that holds
            anything but plain data.
    """
    try:
        if path.suffix == ".json":
            references = json.loads(path.read_text(encoding="utf-8"))
        else:
            with path.open("rb") as file:
                # Written by Python 2: its texts are bytes.
                references = _PlainUnpickler(file, encoding="latin1").load()
    except OSError as error:
        raise DataSetError(f"cannot read {path}: {error.strerror or error}.") from error
    except pickle.UnpicklingError as error:
        raise DataSetError(
            f"{path} is refused, for {error}; expected plain lists, dicts, texts and numbers. A "
            "pickle that asks for classes can run any code: get the file from its authors."
        ) from error
    except (ValueError, EOFError, IndexError, KeyError, AttributeError, TypeError) as error:
        raise DataSetError(f"{path} is damaged: {type(error).__name__}: {error}.") from error
    if not isinstance(references, list) or not all(isinstance(r, dict) for r in references):
        raise DataSetError(f"{path} holds {type(references).__name__}; expected a list of dicts.")
    return references

"""Refuses checkpoint folders that ask for code of their own, or another model underneath.

transformers leaves such code alone unless it is told to trust it, and then loads something other
than what the checkpoint's author meant, or fails with advice to trust it. Here the folder is
refused before any library looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ppcr_ros.core.documents import DocumentError, check_regular, read_json
from ppcr_ros.core.errors import ModelLoadError

_CODE_KEY = "auto_map"
"""Under this name transformers' files say which of their own classes are to be imported."""


def refuse_foreign_code(folder: Path) -> None:
    """See that no file of a checkpoint folder asks for program code or for a base model.

    Nor may one be a pipe, or JSON that is built to be misread or never to be read to its end.

    Raises:
        ModelLoadError: when one does, naming it; nothing of the folder was run.
    """
    for path in sorted(folder.iterdir()):
        _refuse_odd_file(path)
    for path in sorted(folder.glob("*.json")):
        for code in _code_of(path):
            raise ModelLoadError(
                f"{path} asks for program code of the checkpoint ({_CODE_KEY}: {code}), which is "
                "never run here; nothing of it was. Choose a checkpoint of a model that "
                "transformers itself knows, or take the entry out if it is one."
            )
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        raise ModelLoadError(
            f"{adapter} makes this folder an adapter to another model; expected a whole "
            "checkpoint. Merge it first (PEFT's merge_and_unload, then save_pretrained)."
        )


def _refuse_odd_file(path: Path) -> None:
    """See that nobody who reads ``path`` waits for ever."""
    try:
        if not path.is_dir():
            check_regular(path)
    except DocumentError as error:
        raise ModelLoadError(f"{error} Copy or fetch the model again.") from error
    except OSError:
        return  # a link to nowhere: whoever needs it says so


def _code_of(path: Path) -> Iterator[str]:
    if path.name in ("tokenizer.json", "vocab.json") or path.name.endswith(".index.json"):
        return  # large, and no place for such entries
    try:
        document = read_json(path)
    except (OSError, DocumentError) as error:
        raise ModelLoadError(
            f"{path} cannot be read: {error} Copy or fetch the model again."
        ) from error
    yield from _entries(document)


def _entries(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get(_CODE_KEY):
            yield " ".join(str(value[_CODE_KEY]).split())[:120]
        for item in value.values():
            yield from _entries(item)
    elif isinstance(value, list):
        for item in value:
            yield from _entries(item)

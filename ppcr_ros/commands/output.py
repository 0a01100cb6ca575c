"""Files that a command writes: a path that cannot be written is said before the work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ppcr_ros.core.errors import PPCRError


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, making the folder it lies in.

    Raises:
        OutputError: when that is not possible.
    """
    prepare_output(path)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error


def prepare_output(path: Path) -> None:
    """Make the folder of a file that is going to be written, so that a bad path fails early.

    Raises:
        OutputError: when the folder cannot be made or written into, or the path is itself a folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder of {path}: {error.strerror or error}. Choose another path."
        ) from error
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected the path of a file.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(f"{path} cannot be written by this user. Choose another path.")


def prepare_pictures(paths: Sequence[Path | None]) -> None:
    """`prepare_output` for each of ``paths`` that is given, and see that Pillow writes its format.

    Raises:
        OutputError: as there, and where a suffix says no format of pictures.
    """
    from PIL import Image

    formats = Image.registered_extensions()
    for path in paths:
        if path is None:
            continue
        prepare_output(path)
        if formats.get(path.suffix.lower()) not in Image.SAVE:
            suffix = f"the suffix {path.suffix}" if path.suffix else "no suffix"
            raise OutputError(f"{path} has {suffix}, which is no format of pictures; use .png.")


def check_distinct(paths: Sequence[Path | None], *, read: Sequence[Path | None] = ()) -> None:
    """See that no file is written twice, and none that is ``read``.

    Raises:
        OutputError: where one is.
    """
    known = {path.resolve(): "is read" for path in read if path is not None}
    for path in paths:
        if path is None:
            continue
        place = path.resolve()
        if place in known:
            raise OutputError(
                f"{path} {known[place]} by this command, and would be written over. Choose another "
                "path."
            )
        known[place] = "is written"


class OutputError(PPCRError):
    """A file that cannot be written."""

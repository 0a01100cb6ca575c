"""Files that a command writes: a path that cannot be written is said before the work."""

from __future__ import annotations

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
        OutputError: when the folder cannot be made, or the path is itself a folder.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder of {path}: {error.strerror or error}. Choose another path."
        ) from error
    if path.is_dir():
        raise OutputError(f"{path} is a folder; expected the path of a file.")


class OutputError(PPCRError):
    """A file that cannot be written."""

"""Paths as a person or a file writes them, with ``~`` for the home folder."""

from __future__ import annotations

import errno
from pathlib import Path

from ppcr_ros.core.errors import ConfigError


class PathError(ConfigError):
    """A text that cannot be the path of anything."""


def usable_path(text: str | Path, what: str = "the path") -> Path:
    """``text`` as a path, ``~`` filled in; it need not be there.

    Args:
        text: as it was written.
        what: what it is the path of, for the error: ``record.folder``.

    Raises:
        PathError: when there is no home folder for ``~``, a name in it is too long, or it has a
            character that no path can have.
    """
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise PathError(
            f"{what} is {str(text)!r:.200}, and there is no home folder for its ~: name the folder "
            "in full, or set HOME."
        ) from error
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise PathError(
                f"{what} is {str(text)!r:.80}... ({len(str(text))} characters), which is too long "
                "for a path; expected names of at most 255 bytes."
            ) from error
        if error.errno == errno.ELOOP:
            raise PathError(
                f"{what} is {str(text)!r:.200}, a link that leads to itself."
            ) from error
    except ValueError as error:
        raise PathError(f"{what} is {str(text)!r:.200}, which no path can be: {error}.") from error
    return path
